import type { RedisClient } from "../../src/redis/mod.ts";
import { removeKeys, type Work, workOf, workPerTask } from "./server.ts";
import { Side } from "./side.ts";

/** How much is measured. */
export interface Amounts {
  readonly tasks: number;
  readonly roundTrips: number;
}

/** What doing something with one task has cost. */
export interface TaskCost {
  /** Tasks a second. */
  readonly rate: number;
  /** On the processor of the client, in microseconds. */
  readonly clientCpu: number;
  readonly server: Work;
}

/** What one round has shown of one system. */
export interface Round {
  readonly enqueue: TaskCost;
  readonly drain: TaskCost;
  /** Milliseconds. */
  readonly roundTrips: readonly number[];
}

/** How many round trips go before those that are measured. */
const warmUp = 300;

/** Measures one system, in processes of its own. */
export async function measure(
  system: string,
  { redis, redisUrl, queueName, amounts }: {
    redis: RedisClient;
    redisUrl: string;
    queueName: string;
    amounts: Amounts;
  },
): Promise<Round> {
  await using producer = new Side(system, "producer");
  await using consumer = new Side(system, "consumer");
  try {
    await producer.call("open", redisUrl, queueName);
    await consumer.call("open", redisUrl, queueName);
    // Everything once without looking, so that what is measured is compiled, and memory has its size.
    const { tasks } = amounts;
    await producer.call("enqueue", tasks);
    await consumer.call("serve", tasks);
    await consumer.call("close");
    await removeKeys(redis, queueName);

    const enqueue = await cost(
      redis,
      tasks,
      () => producer.call("enqueue", tasks),
    );
    await consumer.call("open", redisUrl, queueName);
    const drain = await cost(redis, tasks, () => consumer.call("serve", tasks));
    await producer.call("roundTrips", warmUp);
    const roundTrips = await producer.call("roundTrips", amounts.roundTrips);
    await Promise.all([producer.call("close"), consumer.call("close")]);
    return { enqueue, drain, roundTrips };
  } finally {
    await removeKeys(redis, queueName);
  }
}

async function cost(
  redis: RedisClient,
  tasks: number,
  action: () => Promise<{ ms: number; cpuMs: number }>,
): Promise<TaskCost> {
  const before = await workOf(redis);
  const { ms, cpuMs } = await action();
  const server = workPerTask(before, await workOf(redis), tasks);
  return { rate: tasks / ms * 1000, clientCpu: cpuMs / tasks * 1000, server };
}
