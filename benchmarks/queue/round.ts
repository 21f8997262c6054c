import process from "node:process";
import type { RedisClient } from "../../src/redis/mod.ts";
import { removeKeys, type Work, workOf, workPerTask } from "./server.ts";
import { type Cost, Side } from "./side.ts";

/** Amounts of work to measure. */
export interface Amounts {
  readonly tasks: number;
  readonly roundTrips: number;
}

/** Cost of an operation for each task. */
export interface TaskCost {
  /** Tasks a second. */
  readonly rate: number;
  /** CPU time of the client in microseconds. */
  readonly clientCpu: number;
  readonly server: Work;
}

/** Measurements of one system in one round. */
export interface Round {
  readonly enqueue: TaskCost;
  readonly drain: TaskCost;
  /** Milliseconds. */
  readonly roundTrips: readonly number[];
}

/** Number of repetitions before the measurement, so that the code is compiled and memory has grown. */
const rehearsals = 3;
/** Number of round trips before those that are measured. */
const warmUp = 300;

/** Measures one system in separate processes. */
export async function measure(system: string, redis: RedisClient, redisUrl: string, amounts: Amounts): Promise<Round> {
  const { tasks, roundTrips } = amounts;
  const [rehearsal, queue] = ["rehearsal", "benchmark"].map((name) => `${name}-${process.pid}`) as [string, string];
  await using producer = new Side(system, "producer");
  await using consumer = new Side(system, "consumer");
  const each = (action: (side: Side) => Promise<unknown>): Promise<unknown> =>
    Promise.all([producer, consumer].map(action));
  try {
    await each((side) => side.call("open", redisUrl, rehearsal));
    for (let rehearsed = 0; rehearsed < rehearsals; rehearsed++) {
      await producer.call("enqueue", tasks);
      await consumer.call("serve", tasks);
    }
    await each((side) => side.call("close"));
    await removeKeys(redis, rehearsal);

    await each((side) => side.call("open", redisUrl, queue));
    const enqueue = await cost(redis, tasks, () => producer.call("enqueue", tasks));
    const drain = await cost(redis, tasks, () => consumer.call("serve", tasks));
    await producer.call("roundTrips", warmUp);
    const times = await producer.call("roundTrips", roundTrips);
    await each((side) => side.call("close"));
    return { enqueue, drain, roundTrips: times };
  } finally {
    await removeKeys(redis, rehearsal);
    await removeKeys(redis, queue);
  }
}

async function cost(redis: RedisClient, tasks: number, action: () => Promise<Cost>): Promise<TaskCost> {
  const before = await workOf(redis);
  const { ms, cpuMs } = await action();
  const server = workPerTask(before, await workOf(redis), tasks);
  return { rate: tasks / ms * 1000, clientCpu: cpuMs / tasks * 1000, server };
}
