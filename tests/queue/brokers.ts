import { assertEquals } from "@std/assert";
import { testsUseRedis } from "../../scripts/switches.mjs";
import { systemClock } from "../../src/base/clock.ts";
import type { MemoryQueue } from "../../src/broker/memory/memory_queue.ts";
import { queueAt } from "../../src/broker/memory/process_queues.ts";
import type { Worker } from "../../src/queue/worker.ts";
import type { WorkerOptions } from "../../src/queue/options/worker_options.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { eventually } from "../support/poll.ts";
import { assertClean } from "./keyspace.ts";

/** A kind of broker that the behaviour of the queue is tested on. */
export interface BrokerUnderTest<B extends StartedBroker = StartedBroker> {
  /** Its name in the names of tests. */
  readonly name: string;
  start(): Promise<B>;
}

/** A broker that a suite has started. */
export interface StartedBroker {
  /** Options that connect a worker to it. */
  readonly options: WorkerOptions<undefined>;
  /** Checks, after the last task, that the worker's queue has left nothing behind but results. */
  assertClean(worker: Worker<unknown>): Promise<void>;
  stop(): Promise<void>;
}

/** A started Redis, whose server a test can also use directly. */
export interface StartedRedis extends StartedBroker {
  readonly server: RedisServer;
}

/** A Redis server with an append-only file. */
export const onRedis: BrokerUnderTest<StartedRedis> = {
  name: "Redis",
  async start() {
    const server = await startRedis({ appendonly: true });
    return {
      server,
      options: { redisUrl: server.url },
      assertClean: (worker) => assertClean(worker.redis, worker.queueName),
      stop: () => server.stop(),
    };
  },
};

let opened = 0;

/** A queue in the memory of this process. */
export const inMemory: BrokerUnderTest = {
  name: "memory",
  start() {
    const redisUrl = `memory://test-${opened++}`;
    return Promise.resolve({
      options: { redisUrl },
      assertClean: async ({ queueName }) => {
        const queue = queueAt(systemClock, redisUrl, queueName);
        await eventually(() => assertEquals(remainsOf(queue), nothing), { message: `queue ${queueName} is clean` });
      },
      stop: () => Promise.resolve(),
    });
  },
};

const nothing = { tasks: 0, entries: 0, pending: 0, delayed: 0, waiting: 0, isListed: false, schedules: 0, locks: 0 };

/** Counts what is left of a queue, apart from results and heartbeats. */
function remainsOf({ budget, lanes, dependencies, schedules, locks }: MemoryQueue): typeof nothing {
  const remains = {
    ...nothing,
    tasks: budget.tasks,
    isListed: dependencies.isListed,
    schedules: schedules.size,
    locks: locks.size,
  };
  for (const lane of lanes) {
    remains.entries += lane.size;
    remains.pending += lane.pending;
    remains.delayed += lane.delayed.size;
    remains.waiting += lane.waiting.size;
  }
  return remains;
}

/** The brokers on which the queue must behave the same. */
export const brokers: readonly BrokerUnderTest[] = testsUseRedis() ? [onRedis, inMemory] : [inMemory];
