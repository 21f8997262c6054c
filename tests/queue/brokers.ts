import type { Worker } from "../../src/queue/worker.ts";
import type { WorkerOptions } from "../../src/queue/worker_options.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
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

/** All that the behaviour of the queue is to be the same on. */
export const brokers: readonly BrokerUnderTest[] = [onRedis];
