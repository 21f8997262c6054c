import type { Inspector } from "../inspect/inspector.ts";
import { milliseconds } from "../../base/duration.ts";
import { StreaqError } from "../../base/errors.ts";
import { checkId, randomId } from "../../base/id.ts";
import type { EnqueueRequest, RegisteredTask } from "./registered_task.ts";
import { checkAfter, checkStartOptions, type StartOptions } from "./start_options.ts";
import type { TaskStatus } from "../inspect/task_status.ts";
import type { Task } from "./task.ts";
import { TaskHandle } from "./task_handle.ts";

/** What is to be called, and with what. */
export interface Call {
  readonly fnName: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** How long after it became ready the task may be started, in milliseconds; `null` for no limit. */
  readonly expire: number | null;
}

/** What a task waits for before it is ready; nothing of it when it does not wait. */
interface Condition {
  /** Until when: milliseconds from now on, or a time. */
  readonly due?: number | Date | undefined;
  /** When it repeats. */
  readonly expression?: string | undefined;
  /** Other tasks. */
  readonly after?: readonly string[] | undefined;
}

/** The queue that a request is sent to. */
export interface RequestQueue {
  readonly name: string;
  readonly inspector: Inspector;
  /** The priority of a task that names none. */
  readonly lowestPriority: string;
  /** @throws {StreaqError} When the queue has no such priority. */
  checkPriority(priority: string): string;
  /** @throws {StreaqError} When it is not a cron expression, or never due. */
  checkExpression(expression: string): void;
  /** Sends a request with the whole pipeline behind it. */
  enqueue(request: Request<unknown>): void;
}

/** Most wait for nothing. */
const none: Condition = {};

/** How many tasks are piped into each other at most: as many as are stored in one call. */
const longestPipeline = 500;

/** The one implementation of {@linkcode EnqueueRequest}. */
export class Request<R> implements EnqueueRequest<R> {
  readonly call: Call;
  readonly #queue: RequestQueue;
  /** What is piped into it, and how many come before that. */
  readonly #previous: Request<unknown> | undefined;
  readonly #place: number;
  #next: Request<unknown> | undefined;
  #id: string | undefined;
  /** Whether the id is the caller's. */
  #isNamed = false;
  #priority: string;
  #condition = none;
  #signal: AbortSignal | undefined;
  /** Tells whether it arrived; `undefined` until it is on its way. */
  #arrival: (() => Promise<void>) | undefined;
  #task: Task<R> | undefined;

  constructor(queue: RequestQueue, call: Call, previous?: Request<unknown>) {
    this.#queue = queue;
    this.#priority = queue.lowestPriority;
    this.#previous = previous;
    this.#place = previous ? previous.#place + 1 : 0;
    this.call = call;
  }

  get id(): string {
    return this.#id ??= this.#previous ? this.#idInPipeline() : randomId();
  }

  get priority(): string {
    return this.#priority;
  }

  /** What it waits for, apart from its input. */
  get condition(): Condition {
    return this.#condition;
  }

  /** What is piped into it. */
  get previous(): Request<unknown> | undefined {
    return this.#previous;
  }

  /** What it is piped into. */
  get next(): Request<unknown> | undefined {
    return this.#next;
  }

  /** The first of its pipeline: itself, when nothing is piped into it. */
  get first(): Request<unknown> {
    let first = this as Request<unknown>;
    while (first.#previous) first = first.#previous;
    return first;
  }

  get signal(): AbortSignal | undefined {
    return this.#signal;
  }

  /** The task that it has become, or becomes. */
  get task(): Task<R> {
    return this.#task ??= new TaskHandle<R>(this.id, this.#queue.inspector);
  }

  /** Whether it is on its way to the store, or there. */
  get isSent(): boolean {
    return this.#arrival !== undefined;
  }

  async status(): Promise<TaskStatus> {
    return await this.#queue.inspector.status(this.id);
  }

  start(options: StartOptions = {}): this {
    if (this.isSent) throw new StreaqError(`Could not change a task that was enqueued already: ${this.id}`);
    // Everything is checked before anything changes.
    checkStartOptions(options, this.#previous !== undefined);
    const { id, priority, signal } = options;
    if (id !== undefined) checkId(id);
    if (priority !== undefined) this.#queue.checkPriority(priority);
    const condition = this.#conditionFrom(options) ?? this.#condition;
    if (this.#next && condition.expression !== undefined) {
      throw new StreaqError(`Could not repeat a task that is piped into another one: ${this.#next.call.fnName}`);
    }
    const after = checkAfter(condition.after, id ?? this.#id);
    this.#condition = after === undefined && condition.after === undefined ? condition : { ...condition, after };
    if (id !== undefined) [this.#id, this.#isNamed] = [id, true];
    if (priority !== undefined) this.#priority = priority;
    if (signal !== undefined) this.#signal = signal;
    return this;
  }

  pipe(next: unknown, kwargs: object = {}): Request<never> {
    const other: unknown = typeof next === "function" && (next as RegisteredTask<[], unknown>).enqueue?.();
    if (!(other instanceof Request)) throw new TypeError(`Could not pipe, expected a registered task: ${typeof next}`);
    if (typeof kwargs !== "object" || kwargs === null || Array.isArray(kwargs)) {
      throw new TypeError(`Could not pipe, expected an object with named arguments: ${kwargs}`);
    }
    const obstacle = this.#obstacleTo(other);
    if (obstacle) throw new StreaqError(`Could not pipe ${this.call.fnName} into ${other.call.fnName}, ${obstacle}`);
    const step = new Request<never>(this.#queue, { ...other.call, kwargs: { ...kwargs } }, this as Request<unknown>);
    this.#next = step;
    return step;
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
    if (!this.#arrival) this.#queue.enqueue(this.first);
    return this.#arrival!().then(() => this.task).then(onFulfilled, onRejected);
  }

  #conditionFrom({ delay, schedule, after }: StartOptions): Condition | undefined {
    if (delay !== undefined) return { due: milliseconds(delay, "delay") };
    if (after !== undefined) return { after: typeof after === "string" ? [after] : after };
    if (schedule === undefined) return undefined;
    if (typeof schedule === "string") {
      this.#queue.checkExpression(schedule);
      return { expression: schedule };
    }
    if (schedule instanceof Date && Number.isFinite(schedule.getTime())) return { due: schedule };
    throw new StreaqError(`Invalid schedule, expected a valid Date or a cron expression: ${schedule}`);
  }

  /** Why another one cannot be piped into. */
  #obstacleTo(other: Request<unknown>): string | undefined {
    if (this.isSent) return `it was enqueued already: ${this.id}`;
    if (this.#next) return `it is piped into another task: ${this.#next.call.fnName}`;
    if (this.#condition.expression !== undefined) return `it repeats: ${this.#condition.expression}`;
    if (this.#place + 2 > longestPipeline) return `a pipeline has at most ${longestPipeline} tasks`;
    const [name, otherName] = [this.#queue.name, other.#queue.name];
    return name === otherName ? undefined : `which is in another queue than ${name}: ${otherName}`;
  }

  /** A pipeline whose first task is named by the caller can be sent again as a whole. */
  #idInPipeline(): string {
    const { first } = this;
    return first.#isNamed ? checkId(`${first.#id}.${this.#place + 1}`) : randomId();
  }
}
