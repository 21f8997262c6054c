import { type Duration, milliseconds } from "../base/duration.ts";
import { StreaqError } from "../base/errors.ts";
import type { Queue } from "./queue.ts";
import type { TaskStatus } from "./status.ts";
import { Task } from "./task.ts";

/** How a task is enqueued. */
export interface StartOptions {
  /**
   * The task's id, at most 512 characters. An id that exists, or has ended, is not enqueued again.
   *
   * @default {32 random hex characters}
   */
  id?: string | undefined;
  /**
   * One of the worker's priorities.
   *
   * @default {the lowest}
   */
  priority?: string | undefined;
  /** How long to wait before the task is ready to run; not together with `schedule`. */
  delay?: Duration | undefined;
  /**
   * When the task is ready to run: a time, where one that has passed means now; or a cron expression in the worker's
   * `timeZone`, by which it repeats until it is unscheduled.
   */
  schedule?: Date | string | undefined;
  /** Gives up sending when it is aborted; the task may have been stored by then. */
  signal?: AbortSignal | undefined;
}

/** A task to be enqueued; it is sent when it is awaited, once, however often that happens. */
export interface EnqueueRequest<R> extends PromiseLike<Task<R>> {
  /** The task's id, there already. */
  readonly id: string;
  /** Where the task is in its life; `"missing"` until it is sent. */
  status(): Promise<TaskStatus>;
  /**
   * Says how to enqueue the task, and returns the same request.
   *
   * @throws {StreaqError} When an option is not possible, or the request was sent already.
   */
  start(options?: StartOptions): EnqueueRequest<R>;
}

/** What is to be called, and with what. */
export interface Call {
  readonly fnName: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** How long after it became ready the task may be started, in milliseconds; `null` for no limit. */
  readonly expire: number | null;
}

/** The longest id, in UTF-16 units. */
const longestId = 512;

/** The one implementation of {@linkcode EnqueueRequest}. */
export class Request<R> implements EnqueueRequest<R> {
  readonly call: Call;
  readonly #queue: Queue;
  #id: string | undefined;
  #priority: string;
  #due: number | Date | undefined;
  #expression: string | undefined;
  #signal: AbortSignal | undefined;
  /** Tells whether it arrived; `undefined` until it is on its way. */
  #arrival: (() => Promise<void>) | undefined;
  #task: Task<R> | undefined;

  constructor(queue: Queue, call: Call) {
    this.#queue = queue;
    this.#priority = queue.lowestPriority;
    this.call = call;
  }

  get id(): string {
    return this.#id ??= randomId();
  }

  get priority(): string {
    return this.#priority;
  }

  /** Until when it waits; `undefined` when it does not. */
  get due(): number | Date | undefined {
    return this.#due;
  }

  /** When it repeats; `undefined` when it does not. */
  get expression(): string | undefined {
    return this.#expression;
  }

  get signal(): AbortSignal | undefined {
    return this.#signal;
  }

  /** The task that it has become, or becomes. */
  get task(): Task<R> {
    return this.#task ??= new Task<R>(this.id, this.#queue.tasks);
  }

  /** Whether it is on its way to the store, or there. */
  get isSent(): boolean {
    return this.#arrival !== undefined;
  }

  async status(): Promise<TaskStatus> {
    return await this.#queue.tasks.status(this.id);
  }

  start({ id, priority, delay, schedule, signal }: StartOptions = {}): this {
    if (this.isSent) throw new StreaqError(`Could not change a task that was enqueued already: ${this.id}`);
    if (delay !== undefined && schedule !== undefined) {
      throw new StreaqError("Invalid options, expected one of delay and schedule: both");
    }
    // Everything is checked before anything changes.
    if (id !== undefined) checkId(id);
    if (priority !== undefined) this.#queue.checkPriority(priority);
    const due = delay === undefined ? undefined : milliseconds(delay, "delay");
    if (schedule !== undefined) this.#schedule(schedule);
    else if (due !== undefined) [this.#due, this.#expression] = [due, undefined];
    if (id !== undefined) this.#id = id;
    if (priority !== undefined) this.#priority = priority;
    if (signal !== undefined) this.#signal = signal;
    return this;
  }

  #schedule(schedule: Date | string): void {
    if (typeof schedule === "string") {
      this.#queue.checkExpression(schedule);
      [this.#due, this.#expression] = [undefined, schedule];
    } else if (schedule instanceof Date && Number.isFinite(schedule.getTime())) {
      [this.#due, this.#expression] = [schedule, undefined];
    } else {
      throw new StreaqError(`Invalid schedule, expected a valid Date or a cron expression: ${schedule}`);
    }
  }

  /** Notes that it is on its way to the store, and how to learn whether it arrived: who asks costs a promise. */
  sent(arrival: () => Promise<void>): void {
    this.#arrival = arrival;
  }

  /** Notes that it did not arrive. Sending it again is safe, so the next await tries. */
  failed(): void {
    this.#arrival = undefined;
  }

  /** Awaiting a request is how it is sent. */
  then<A = Task<R>, B = never>(
    onFulfilled?: ((task: Task<R>) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    if (!this.#arrival) this.#queue.enqueue(this);
    return this.#arrival!().then(() => this.task).then(onFulfilled, onRejected);
  }
}

/**
 * Checks an id given by a caller.
 *
 * @throws {StreaqError} When it cannot be one.
 */
export function checkId(id: unknown): string {
  if (typeof id !== "string" || id === "" || id.length > longestId || !id.isWellFormed()) {
    const shown = typeof id === "string" ? JSON.stringify(id.slice(0, 60)) : String(id);
    throw new StreaqError(`Invalid id, expected 1 to ${longestId} characters of well-formed text: ${shown}`);
  }
  return id;
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** Random bytes come cheaper by the page. */
const page = new Uint8Array(4096);
let used = page.length;

/** 128 random bits as 32 hex characters. */
export function randomId(): string {
  if (used === page.length) {
    crypto.getRandomValues(page);
    used = 0;
  }
  let id = "";
  for (const end = used + 16; used < end; used++) id += hex[page[used]!];
  return id;
}
