import type { Clock } from "../base/clock.ts";
import { StreaqError } from "../base/errors.ts";
import type { Reply } from "../resp/reply.ts";
import type { RedisClient } from "../redis/mod.ts";
import type {
  Broker,
  Consumer,
  ConsumerOptions,
  Found,
  NewTask,
  Payload,
  Published,
  State,
  Waiting,
} from "./broker.ts";
import { Keys } from "./keys.ts";
import { RedisConsumer } from "./redis_consumer.ts";
import { Results } from "./results.ts";
import { publish, publishLimit } from "./scripts/publish.ts";

/** What a {@linkcode RedisBroker} is made of. */
export interface RedisBrokerOptions {
  readonly redis: RedisClient;
  /** Whether the client ends with the broker. */
  readonly ownsRedis: boolean;
  readonly queueName: string;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  /** Whether records are bytes, not text. */
  readonly binary: boolean;
  readonly clock: Clock;
}

/** A queue on a Redis server. */
export class RedisBroker implements Broker {
  readonly redis: RedisClient;
  readonly #options: RedisBrokerOptions;
  readonly #keys: Keys;
  readonly #results: Results;

  constructor(options: RedisBrokerOptions) {
    this.redis = options.redis;
    this.#options = options;
    this.#keys = new Keys(options.queueName);
    this.#results = new Results(options.redis, this.#keys, options);
  }

  async connect(options?: Waiting): Promise<void> {
    await this.redis.connect(options);
  }

  async publish(tasks: readonly NewTask[], options?: Waiting): Promise<Published[]> {
    if (tasks.length <= publishLimit) return await publish(this.redis, this.#keys, tasks, options);
    const parts: Promise<Published[]>[] = [];
    for (let i = 0; i < tasks.length; i += publishLimit) {
      parts.push(publish(this.redis, this.#keys, tasks.slice(i, i + publishLimit), options));
    }
    return (await Promise.all(parts)).flat();
  }

  async state(taskId: string): Promise<State> {
    const [result, ended, running, dependencies, data, ...due] = await this.#read([
      ["EXISTS", this.#keys.result(taskId)],
      ["EXISTS", this.#keys.ended(taskId)],
      ["HEXISTS", this.#keys.running, taskId],
      ["EXISTS", this.#keys.dependencies(taskId)],
      ["EXISTS", this.#keys.data(taskId)],
      ...this.#options.priorities.map((priority) => ["ZSCORE", this.#keys.delayed(priority), taskId] as const),
    ]);
    if (result || ended) return "done";
    if (!data) return "missing";
    if (running) return "running";
    return dependencies || due.some((score) => score !== null) ? "scheduled" : "queued";
  }

  async find(taskId: string): Promise<Found | null> {
    const state = await this.state(taskId);
    if (state === "missing" || state === "done") return null;
    const [retries, dependencies, dependents, ...due] = await this.#read([
      ["GET", this.#keys.retry(taskId)],
      ["SMEMBERS", this.#keys.dependencies(taskId)],
      ["SMEMBERS", this.#keys.dependents(taskId)],
      ...this.#options.priorities.map((priority) => ["ZSCORE", this.#keys.delayed(priority), taskId] as const),
    ]);
    const data = await this.redis.command<Payload | null>(["GET", this.#keys.data(taskId)], this.#options);
    if (data === null) return null;
    const score = due.find((score) => score !== null);
    return {
      data,
      state,
      tries: Number(retries ?? 0) + (state === "running" ? 1 : 0),
      dueTime: score === undefined ? null : Number(score),
      dependencies: [...dependencies as Iterable<string>],
      dependents: [...dependents as Iterable<string>],
    };
  }

  async result(taskId: string, { signal }: Waiting = {}): Promise<Payload | null> {
    return await this.#results.wait(taskId, signal);
  }

  consumer(options: ConsumerOptions): Consumer {
    return new RedisConsumer(this.redis, this.#keys, { ...options, binary: this.#options.binary, clock: this.#options.clock });
  }

  async close(): Promise<void> {
    this.#results.close(new StreaqError(`The worker was closed while waiting for a result`));
    if (this.#options.ownsRedis) await this.redis.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What several commands say of one moment. */
  async #read(commands: readonly (readonly [string, ...string[]])[]): Promise<Reply[]> {
    const replies = await this.redis.transaction(commands) ?? [];
    for (const reply of replies) {
      if (reply instanceof Error) throw reply;
    }
    return replies;
  }
}
