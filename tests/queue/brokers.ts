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

/** A broker that the behaviour of the queue is tested on. */
export interface BrokerUnderTest<B extends StartedBroker = StartedBroker> {
  /** As it is called in the names of tests. */
  readonly name: string;
  start(): Promise<B>;
}

/** See {@linkcode BrokerUnderTest}. */
export interface StartedBroker {
  /** What opens a worker on it. */
  readonly options: WorkerOptions<undefined>;
  /** Checks, when all is done, that nothing is left of the worker's queue but what should be. */
  assertClean(worker: Worker<unknown>): Promise<void>;
  stop(): Promise<void>;
}

/** Redis, for tests that are about it: the server can be reached past the workers. */
export interface StartedRedis extends StartedBroker {
  readonly server: RedisServer;
}

/** A Redis server that puts everything on disk. */
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

/** The memory of this process. */
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

/** What is left of a queue, apart from results and signs of life. */
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

/** All that the behaviour of the queue is to be the same on. */
export const brokers: readonly BrokerUnderTest[] = testsUseRedis() ? [onRedis, inMemory] : [inMemory];
