import type { Clock } from "../base/clock.ts";
import { type ClientOptions, createClient, type RedisClient } from "../redis/mod.ts";
import type { Logger } from "../base/log.ts";
import type { Broker } from "./contract/broker.ts";
import type { RecordReader } from "./contract/result.ts";
import { MemoryBroker } from "./memory/memory_broker.ts";
import { isMemoryUrl, parseMemoryUrl } from "./memory/memory_url.ts";
import { queueAt } from "./memory/process_queues.ts";
import { RedisBroker } from "./redis/redis_broker.ts";

/** Options of {@linkcode openBroker}: where the queue is, and how its records are stored. */
export interface OpenOptions {
  readonly redisUrl: string;
  readonly redisOptions: ClientOptions;
  /** An existing client to use instead of the URL; closing the broker leaves it open. */
  readonly redis: RedisClient | undefined;
  readonly queueName: string;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  /** Whether records are bytes instead of text. */
  readonly binary: boolean;
  readonly reader: RecordReader;
  /** Whether this is a thread that tasks run in. */
  readonly isInThread: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Opens the broker of a queue. It connects at the first operation.
 *
 * @throws {TypeError} When the URL or an option is invalid.
 */
export function openBroker(options: OpenOptions): Broker {
  return isMemoryUrl(options.redisUrl) ? openInMemory(options) : openOnRedis(options);
}

function openOnRedis({ redis, redisUrl, redisOptions, clock, logger, ...queue }: OpenOptions): Broker {
  return new RedisBroker({
    ...queue,
    clock,
    ownsRedis: redis === undefined,
    redis: redis ?? createClient(redisUrl, { clock, logger, ...redisOptions }),
  });
}

function openInMemory({ redis, redisUrl, redisOptions, queueName, clock, ...options }: OpenOptions): Broker {
  const url = parseMemoryUrl(redisUrl);
  if (redis) throw new TypeError(`Cannot use option "redis" with ${url}: a queue in memory uses no client`);
  const names = Object.keys(redisOptions);
  if (names.length > 0) {
    throw new TypeError(
      `Cannot use option "redisOptions" with ${url}: a queue in memory uses no client, got ${names.join(", ")}`,
    );
  }
  return new MemoryBroker({ ...options, queue: queueAt(clock, url, queueName) });
}
