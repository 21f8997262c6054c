import { abortable, type Deferred, deferred } from "../../base/async.ts";
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
import type { Lane } from "./lane.ts";
import { MemoryConsumer } from "./memory_consumer.ts";
import { failuresOf } from "./memory_failures.ts";
import type { MemoryQueue } from "./memory_queue.ts";
import type { MemoryTask } from "./memory_task.ts";
import { readPayload, readPayloadOrNull } from "./payload.ts";
import { publish } from "./publish.ts";
import { take } from "./take.ts";

/** Options of a {@linkcode MemoryBroker}. */
export interface MemoryBrokerOptions {
  readonly queue: MemoryQueue;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  /** Whether records are bytes instead of text. */
  readonly binary: boolean;
  readonly reader: RecordReader;
  /** Whether this is a thread that tasks run in, which cannot reach the queue in the memory of the main thread. */
  readonly isInThread: boolean;
}

/** Number of tasks that are stored in one turn of the event loop. */
const publishLimit = 1000;
/** Number of dependencies, and of dependents, that a listed task shows at most. */
const relativesLimit = 100;
/** Number of turns of the event loop in which the broker runs fan-outs before it leaves the rest to workers. */
const fanOutTurns = 20;

/**
 * A queue in the memory of this process. Every operation takes effect at once and answers in the next turn of the event
 * loop.
 */
export class MemoryBroker implements Broker {
  /** All results have the same way. */
  readonly idPrefix = "";
  readonly failures: Failures;
  readonly #options: MemoryBrokerOptions;
  readonly #queue: MemoryQueue;
  /** The waits for results through this broker. */
  readonly #waiters = new Set<Deferred<Payload | null>>();
  #isClosed = false;

  constructor(options: MemoryBrokerOptions) {
    this.#options = options;
    this.#queue = options.queue;
    this.failures = failuresOf(options.queue, (operation) => this.#answer(operation), options.binary);
  }

  get redis(): RedisClient {
    throw new StreaqError("Cannot use the Redis client: the queue is in memory");
  }

  async connect({ signal }: Cancellable = {}): Promise<void> {
    await this.#answer(() => signal?.throwIfAborted());
  }

  async publish(tasks: readonly NewTask[], { signal }: Cancellable = {}): Promise<Published[]> {
    this.#checkOpen();
    signal?.throwIfAborted();
    const published: Published[] = [];
    for (const task of tasks) {
      published.push(publish(this.#queue, task, this.#options.reader));
      if (published.length % publishLimit === 0) await this.#queue.turn.next();
    }
    return await this.#queue.turn.answer(published);
  }

  async state(taskId: string): Promise<State> {
    return await this.#answer(() => this.#queue.state(taskId));
  }

  async find(taskId: string, { relatives }: { relatives: number }): Promise<Found | null> {
    return await this.#answer(() => {
      const task = this.#queue.task(taskId);
      return task ? this.#describe(task, relatives) : null;
    });
  }

  async results(taskIds: readonly string[]): Promise<(Payload | null)[]> {
    return await this.#answer(() => {
      return taskIds.map((id) => readPayloadOrNull(this.#queue.results.get(id), this.#options.binary));
    });
  }

  async result(taskId: string, { signal }: Cancellable = {}): Promise<Payload | null> {
    this.#checkOpen();
    signal?.throwIfAborted();
    const { results } = this.#queue;
    const { binary } = this.#options;
    if (!this.#queue.task(taskId)) return await this.#answer(() => readPayloadOrNull(results.get(taskId), binary));
    const waiter = deferred<Payload | null>();
    const stop = results.wait(taskId, waiter);
    this.#waiters.add(waiter);
    try {
      return readPayloadOrNull(await abortable(waiter.promise, signal), binary);
    } finally {
      stop();
      this.#waiters.delete(waiter);
    }
  }

  async abort({ taskId, mark, result, ttl }: Cancellation, { signal }: Cancellable = {}): Promise<boolean> {
    this.#checkOpen();
    signal?.throwIfAborted();
    const by = { failedId: taskId, by: mark, deliveries: 0 };
    const task = this.#queue.task(taskId);
    if (task) {
      this.#queue.finish(task, { result, ttl, ...by });
      this.#queue.events.emit({ kind: "aborted", taskId });
    }
    const isAborted = this.#queue.results.isFinishedBy(taskId, by);
    await this.#fanOut();
    return isAborted;
  }

  async list(
    state: OpenState,
    { limit, priority }: { limit: number; priority?: string | undefined },
  ): Promise<Found[]> {
    const priorities = priority === undefined ? this.#options.priorities.toReversed() : [priority];
    return await this.#answer(() => {
      const tasks = tasksIn(state, priorities.map((name) => this.#queue.lane(name)));
      return take(tasks, limit).map((task) => this.#describe(task, relativesLimit));
    });
  }

  async recent(limit: number): Promise<[taskId: string, result: Payload][]> {
    return await this.#answer(() => {
      return this.#queue.results.recent(limit).map(([id, result]) => [id, readPayload(result, this.#options.binary)]);
    });
  }

  async size({ includeScheduled }: { includeScheduled: boolean }): Promise<number> {
    return await this.#answer(() => {
      let count = 0;
      for (const { size, delayed, waiting } of this.#queue.lanes) {
        count += size + (includeScheduled ? delayed.size + waiting.size : 0);
      }
      return count;
    });
  }

  async time(): Promise<number> {
    return await this.#answer(() => this.#queue.clock.now());
  }

  async schedule(schedule: NewSchedule, next: Occurrence, { signal }: Cancellable = {}): Promise<ScheduleAnswer> {
    signal?.throwIfAborted();
    const answer = await this.#answer(() => this.#queue.schedules.schedule(schedule, next));
    // A changed schedule withdraws its occurrences, which may have dependents.
    await this.#fanOut();
    return answer;
  }

  async unschedule(name: string, options: { withdraw: boolean }): Promise<boolean> {
    const removed = await this.#answer(() => this.#queue.schedules.unschedule(name, options));
    await this.#fanOut();
    return removed;
  }

  async schedules(limit: number): Promise<StoredSchedule[]> {
    return await this.#answer(() => this.#queue.schedules.list(limit, this.#options.binary));
  }

  consumer(options: ConsumerOptions): Consumer {
    const { binary, reader } = this.#options;
    return new MemoryConsumer(this.#queue, { ...options, binary, reader });
  }

  unref(): void {
    // Nothing here keeps the process alive but operations in progress.
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = new StreaqError("The worker was closed while waiting for a result");
    for (const waiter of this.#waiters) waiter.reject(closed);
    await Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Runs an operation now, and answers in the next turn of the event loop. */
  async #answer<T>(operation: () => T): Promise<T> {
    this.#checkOpen();
    return await this.#queue.turn.answer(operation());
  }

  #describe(task: MemoryTask, relatives: number): Found {
    return this.#queue.describe(task, { relatives, binary: this.#options.binary });
  }

  /** Releases or fails the dependents of tasks that this broker has just finished; workers do the rest of a large fan-out. */
  async #fanOut(): Promise<void> {
    const { dependencies, turn } = this.#queue;
    for (let i = 0; i < fanOutTurns && dependencies.isListed; i++) {
      dependencies.fanOut(this.#options.reader);
      await turn.next();
    }
    await turn.next();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StreaqError("The worker is closed");
    if (this.#options.isInThread) throw new StreaqError("Cannot use a queue in memory in the thread of a task");
  }
}

/** Iterates over the tasks in a state, lane by lane, each in the order in which its tasks are to run. */
function* tasksIn(state: OpenState, lanes: readonly Lane[]): Generator<MemoryTask> {
  for (const lane of lanes) {
    if (state === "queued") yield* lane.queued();
    else if (state === "running") yield* lane.running();
    else yield* lane.delayed.inOrder();
  }
  if (state === "scheduled") { for (const { waiting } of lanes) yield* waiting; }
}
