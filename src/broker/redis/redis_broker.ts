import type { Clock } from "../../base/clock.ts";
import { StreaqError } from "../../base/errors.ts";
import type { RedisClient } from "../../redis/mod.ts";
import type {
  Broker,
  Cancellation,
  Found,
  NewTask,
  OpenState,
  Payload,
  Published,
  RecordReader,
  State,
  Waiting,
} from "../contract/broker.ts";
import type { Consumer, ConsumerOptions } from "../contract/consumer.ts";
import type { Occurrence, ScheduleAnswer, NewSchedule, StoredSchedule } from "../contract/schedule.ts";
import { tellDependents } from "./dependents.ts";
import { Keys } from "./keys.ts";
import { RedisConsumer } from "./redis_consumer.ts";
import { publishLinked } from "./linking.ts";
import { Listing, loadResults } from "./listing.ts";
import { ResultWaiter } from "./result_waiter.ts";
import { inChunks } from "./chunks.ts";
import { repeat } from "./resend.ts";
import { abort } from "./scripts/end/abort.ts";
import { find, findState } from "./scripts/look/find.ts";
import { publish, publishLimit } from "./scripts/enqueue/publish.ts";
import { repeatTask, unrepeatTask } from "./scripts/schedule/schedule.ts";

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
  readonly reader: RecordReader;
  readonly clock: Clock;
}

/** How many calls are under way at once. */
const partsAtOnce = 8;
/** How often dependents are told by who has ended a task, before that is left to a worker: a pipeline is told whole. */
const tellingLimit = 50;

/** A queue on a Redis server. */
export class RedisBroker implements Broker {
  readonly redis: RedisClient;
  readonly #options: RedisBrokerOptions;
  readonly #keys: Keys;
  readonly #results: ResultWaiter;
  readonly #listing: Listing;
  #isClosed = false;

  constructor(options: RedisBrokerOptions) {
    this.redis = options.redis;
    this.#options = options;
    this.#keys = new Keys(options.queueName);
    this.#results = new ResultWaiter(options.redis, this.#keys, options);
    this.#listing = new Listing(options.redis, this.#keys, options);
  }

  async connect(options?: Waiting): Promise<void> {
    await this.redis.connect(options);
  }

  async publish(tasks: readonly NewTask[], options?: Waiting): Promise<Published[]> {
    if (tasks.some(({ after, next }) => next !== undefined || after !== undefined)) {
      this.#checkOpen();
      return await publishLinked(tasks, { ...this.#options, ...options, keys: this.#keys });
    }
    const parts = inChunks(tasks, publishLimit, ({ data }) => data.length);
    if (parts.length === 1) return await this.#publish(tasks, options);
    // More than a client keeps while it has no connection.
    await this.redis.connect(options);
    const published: Promise<Published[]>[] = [];
    for (const [i, part] of parts.entries()) {
      if (i >= partsAtOnce) await published[i - partsAtOnce];
      const failed = (error: unknown) => part.map(() => error instanceof Error ? error : new Error(String(error)));
      published.push(this.#publish(part, options).catch(failed));
    }
    return (await Promise.all(published)).flat();
  }

  async state(taskId: string): Promise<State> {
    const { priorities, clock } = this.#options;
    return await repeat(() => findState(this.redis, this.#keys, priorities, taskId), { clock });
  }

  async find(taskId: string, { relatives }: { relatives: number }): Promise<Found | null> {
    const { priorities, clock, binary } = this.#options;
    return await repeat(() => find(this.redis, this.#keys, priorities, taskId, { binary, relatives }), { clock });
  }

  async results(taskIds: readonly string[]): Promise<(Payload | null)[]> {
    return await loadResults(this.redis, this.#keys, taskIds, this.#options);
  }

  async result(taskId: string, { signal }: Waiting = {}): Promise<Payload | null> {
    return await this.#results.wait(taskId, signal);
  }

  async abort(cancellation: Cancellation, { signal }: Waiting = {}): Promise<boolean> {
    const { priorities, clock } = this.#options;
    const operation = () => abort(this.redis, this.#keys, priorities, cancellation, { signal });
    const { aborted, listed } = await repeat(operation, { clock, signal });
    if (listed) await this.#fanOut();
    return aborted;
  }

  async list(
    state: OpenState,
    { limit, priority }: { limit: number; priority?: string | undefined },
  ): Promise<Found[]> {
    return await this.#listing.list(state, limit, priority);
  }

  async recent(limit: number): Promise<[taskId: string, result: Payload][]> {
    return await this.#listing.recent(limit);
  }

  async size({ includeScheduled }: { includeScheduled: boolean }): Promise<number> {
    return await this.#listing.size(includeScheduled);
  }

  async time(): Promise<number> {
    const [seconds, microseconds] = await this.redis.command<[string, string]>(["TIME"]);
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }

  async repeat(repetition: NewSchedule, first: Occurrence, { signal }: Waiting = {}): Promise<ScheduleAnswer> {
    const { clock } = this.#options;
    this.#checkOpen();
    const operation = () => repeatTask(this.redis, this.#keys, repetition, first, { signal });
    const repeated = await repeat(operation, { clock, signal });
    // Occurrences that were taken back may have had dependents.
    if (repeated === "changed") await this.#fanOut();
    return repeated;
  }

  async unrepeat(name: string, options: { withdraw: boolean }): Promise<boolean> {
    const operation = () => unrepeatTask(this.redis, this.#keys, name, options);
    const { removed, listed } = await repeat(operation, this.#options);
    if (listed) await this.#fanOut();
    return removed;
  }

  async repetitions(limit: number): Promise<StoredSchedule[]> {
    return await this.#listing.repetitions(limit);
  }

  consumer(options: ConsumerOptions): Consumer {
    return new RedisConsumer(this.redis, this.#keys, {
      ...options,
      binary: this.#options.binary,
      clock: this.#options.clock,
      reader: this.#options.reader,
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#results.close(new StreaqError(`The worker was closed while waiting for a result`));
    if (this.#options.ownsRedis) await this.redis.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Publishing twice is the same as once, so what may have been executed is simply sent again. */
  async #publish(tasks: readonly NewTask[], { signal }: Waiting = {}): Promise<Published[]> {
    const { clock } = this.#options;
    this.#checkOpen();
    return await repeat(() => publish(this.redis, this.#keys, tasks, { signal }), { clock, signal });
  }

  /** Tells dependents of what has just ended here. Where that fails it is listed, and a worker does it. */
  async #fanOut(): Promise<void> {
    const tell = () => tellDependents(this.redis, this.#keys, this.#options).catch(() => ({ unfinished: false }));
    for (let round = 0; round < tellingLimit; round++) {
      if (!(await tell()).unfinished) return;
    }
  }

  #checkOpen(): void {
    // A client that is shared goes on, and would take what is published.
    if (this.#isClosed) throw new StreaqError("The worker is closed");
  }
}
