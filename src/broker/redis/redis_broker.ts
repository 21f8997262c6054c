import type { Clock } from "../../base/clock.ts";
import { StreaqError } from "../../base/errors.ts";
import type { RedisClient } from "../../redis/mod.ts";
import type { Broker } from "../contract/broker.ts";
import type { Cancellable } from "../contract/cancellable.ts";
import type { Consumer, ConsumerOptions } from "../contract/consumer.ts";
import type { Failures } from "../contract/failures.ts";
import type { Payload } from "../contract/payload.ts";
import type { Cancellation, RecordReader } from "../contract/result.ts";
import type { NewSchedule, Occurrence, ScheduleAnswer, StoredSchedule } from "../contract/schedule.ts";
import type { Found, NewTask, OpenState, Published, State } from "../contract/task.ts";
import { AdmittingClient } from "./admitting_client.ts";
import { inChunks } from "./chunks.ts";
import { fanOutDependents } from "./fan_out_dependents.ts";
import { Keys } from "./keys.ts";
import { publishLinked } from "./linking.ts";
import { Listing } from "./listing.ts";
import { loadResults } from "./load_results.ts";
import { RedisFailures } from "./redis_failures.ts";
import { RedisConsumer } from "./redis_consumer.ts";
import { ResendingClient } from "./resending_client.ts";
import { ResultWaiter } from "./result_waiter.ts";
import { abort } from "./scripts/end/abort.ts";
import { publish, publishLimit } from "./scripts/enqueue/publish.ts";
import { find, findState } from "./scripts/look/find.ts";
import { schedule } from "./scripts/schedule/schedule.ts";
import { unschedule } from "./scripts/schedule/unschedule.ts";

/** Options of a {@linkcode RedisBroker}. */
export interface RedisBrokerOptions {
  readonly redis: RedisClient;
  /** Whether the broker closes the client. */
  readonly ownsRedis: boolean;
  readonly queueName: string;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  /** Whether records are bytes, not text. */
  readonly binary: boolean;
  readonly reader: RecordReader;
  readonly clock: Clock;
}

/** Maximum number of calls at once. */
const callsAtOnce = 8;
/** How many rounds of dependents an aborting or scheduling caller handles, before it leaves the others to workers. */
const fanOutLimit = 50;

/** A queue on a Redis server. */
export class RedisBroker implements Broker {
  readonly redis: RedisClient;
  readonly failures: Failures;
  readonly #options: RedisBrokerOptions;
  readonly #keys: Keys;
  readonly #admitting: AdmittingClient;
  /** Sends everything except blocking reads and subscriptions. */
  readonly #sender: ResendingClient;
  readonly #results: ResultWaiter;
  readonly #listing: Listing;
  #isClosed = false;

  constructor(options: RedisBrokerOptions) {
    this.redis = options.redis;
    this.#options = options;
    this.#keys = new Keys(options.queueName);
    this.#admitting = new AdmittingClient(options.redis, options.queueName);
    this.#sender = this.#newSender();
    this.#results = new ResultWaiter(options.redis, this.#keys, options);
    this.#listing = new Listing(this.#sender, this.#keys, options);
    this.failures = new RedisFailures(() => this.#newSender(), this.#keys, options);
  }

  get idPrefix(): string {
    return this.#results.replies.tag;
  }

  async connect(options?: Cancellable): Promise<void> {
    await this.#admitting.connect(options);
  }

  async publish(tasks: readonly NewTask[], options?: Cancellable): Promise<Published[]> {
    // A result may arrive before the answer.
    this.#results.replies.expect(tasks);
    let answers: readonly Published[] = [];
    try {
      return answers = await this.#publishAll(tasks, options);
    } finally {
      for (let i = 0; i < tasks.length; i++) {
        if (answers[i] !== "created") this.#results.replies.forget(tasks[i]!.id);
      }
    }
  }

  async state(taskId: string): Promise<State> {
    return await findState(this.#sender, this.#keys, this.#options.priorities, taskId);
  }

  async find(taskId: string, { relatives }: { relatives: number }): Promise<Found | null> {
    const { priorities, binary } = this.#options;
    return await find(this.#sender, this.#keys, priorities, taskId, { binary, relatives });
  }

  async results(taskIds: readonly string[]): Promise<(Payload | null)[]> {
    return await loadResults(this.#sender, this.#keys, taskIds, this.#options);
  }

  async result(taskId: string, { signal }: Cancellable = {}): Promise<Payload | null> {
    await this.#admitting.admit({ signal });
    return await this.#results.wait(taskId, signal);
  }

  async abort(cancellation: Cancellation, { signal }: Cancellable = {}): Promise<boolean> {
    const { priorities } = this.#options;
    const { aborted, listed } = await abort(this.#sender, this.#keys, priorities, cancellation, { signal });
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
    const [seconds, microseconds] = await this.#sender.command<[string, string]>(["TIME"]);
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }

  async schedule(definition: NewSchedule, first: Occurrence, { signal }: Cancellable = {}): Promise<ScheduleAnswer> {
    this.#checkOpen();
    const sender = this.#newSender();
    const answer = answerBy(sender, await schedule(sender, this.#keys, definition, first, { signal }));
    // Withdrawn occurrences may have had dependents.
    if (answer === "changed") await this.#fanOut();
    return answer;
  }

  async unschedule(name: string, options: { withdraw: boolean }): Promise<boolean> {
    const { removed, listed } = await unschedule(this.#sender, this.#keys, name, options);
    if (listed) await this.#fanOut();
    return removed;
  }

  async schedules(limit: number): Promise<StoredSchedule[]> {
    return await this.#listing.schedules(limit);
  }

  consumer(options: ConsumerOptions): Consumer {
    return new RedisConsumer(this.redis, this.#keys, {
      ...options,
      binary: this.#options.binary,
      clock: this.#options.clock,
      reader: this.#options.reader,
    });
  }

  unref(): void {
    // A client that is shared belongs to its owner.
    if (this.#options.ownsRedis) this.redis.unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#results.close(new StreaqError("The worker was closed while waiting for a result"));
    if (this.#options.ownsRedis) await this.redis.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #publishAll(tasks: readonly NewTask[], options?: Cancellable): Promise<Published[]> {
    if (tasks.some(({ after, next }) => next !== undefined || after !== undefined)) {
      this.#checkOpen();
      const sender = this.#newSender();
      const answers = await publishLinked(tasks, { ...this.#options, ...options, redis: sender, keys: this.#keys });
      return answers.map((answer) => answerBy(sender, answer));
    }
    const chunks = inChunks(tasks, publishLimit, ({ data }) => data.length);
    if (chunks.length === 1) return await this.#publish(tasks, options);
    // The chunks may be more than a client queues while it has no connection.
    await this.#admitting.connect(options);
    const published: Promise<Published[]>[] = [];
    for (const [i, chunk] of chunks.entries()) {
      if (i >= callsAtOnce) await published[i - callsAtOnce];
      const fail = (error: unknown) => chunk.map(() => error instanceof Error ? error : new Error(String(error)));
      published.push(this.#publish(chunk, options).catch(fail));
    }
    return (await Promise.all(published)).flat();
  }

  async #publish(tasks: readonly NewTask[], { signal }: Cancellable = {}): Promise<Published[]> {
    this.#checkOpen();
    const sender = this.#newSender();
    const answers = await sender.attempt(
      (isFirst) => publish(this.#admitting, this.#keys, tasks, { isFirst, signal }),
      signal,
    );
    return sender.mayHaveRepeated ? answers.map((answer) => answerBy(sender, answer)) : answers;
  }

  /**
   * Fails dependents of tasks that were just aborted or withdrawn. If that fails, a worker does it: they are listed.
   */
  async #fanOut(): Promise<void> {
    for (let round = 0; round < fanOutLimit; round++) {
      const report = fanOutDependents(this.#sender, this.#keys, this.#options);
      const { unfinished } = await report.catch(() => ({ unfinished: false }));
      if (!unfinished) return;
    }
  }

  #newSender(): ResendingClient {
    return new ResendingClient(this.#admitting, this.#options);
  }

  #checkOpen(): void {
    // A shared client stays open, and would still send commands.
    if (this.#isClosed) throw new StreaqError("The worker is closed");
  }
}

/** The answer to a call, of which `sender` has sent all commands. */
function answerBy<A extends Published | ScheduleAnswer>(sender: ResendingClient, answer: A): A | "repeated" {
  return sender.mayHaveRepeated && (answer === "exists" || answer === "done") ? "repeated" : answer;
}
