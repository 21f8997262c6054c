import { StreaqError } from "../../base/errors.ts";
import { checkId, randomId } from "../../base/id.ts";
import type { Inspector } from "../inspect/inspector.ts";
import type { TaskStatus } from "../inspect/task_status.ts";
import type { Call, Draft } from "../records/draft.ts";
import { checkKwargs } from "../tasks/kwargs.ts";
import { checkAfter, type Condition, conditionFrom } from "./condition.ts";
import type { EnqueueRequest, RegisteredTask } from "./registered_task.ts";
import { checkStartOptions, type StartOptions } from "./start_options.ts";
import type { Task } from "./task.ts";
import { TaskHandle } from "./task_handle.ts";

/** The queue that a request is sent to. */
export interface RequestQueue {
  readonly name: string;
  readonly inspector: Inspector;
  /** The priority of tasks that name none. */
  readonly lowestPriority: string;
  /** @throws {StreaqError} When the queue has no such priority. */
  checkPriority(priority: string): string;
  /** @throws {StreaqError} When it is not a cron expression, or is never due. */
  checkExpression(expression: string): void;
  /** Serialises the arguments of a call. */
  draft(call: Call): Draft;
  /** Sends a request together with the whole pipeline behind it. */
  enqueue(request: Request<unknown>): void;
}

/** The condition of most tasks. */
const none: Condition = {};

/** How many tasks a pipeline has at most, as it is stored in one call. */
const maxPipeline = 500;

/**
 * The implementation of {@linkcode EnqueueRequest}. Awaiting it sends the whole pipeline that it belongs to. A request
 * has an `arrival` once it is sent, and can be changed until then.
 */
export class Request<R> implements EnqueueRequest<R> {
  readonly draft: Draft;
  readonly #queue: RequestQueue;
  /** The request that is piped into this one. */
  readonly #previous: Request<unknown> | undefined;
  /** The number of requests before it in its pipeline. */
  readonly #index: number;
  #next: Request<unknown> | undefined;
  #id: string | undefined;
  /** Whether the caller chose the id. */
  #isNamed = false;
  #priority: string;
  #condition = none;
  #signal: AbortSignal | undefined;
  /** When it was first sent, in Unix milliseconds. */
  createdTime: number | undefined;
  /** Whether it has enqueued a task; known when it has arrived. */
  isNew = true;
  /** Whether it was sent before, with an outcome that is unknown. */
  #wasSent = false;
  /** Resolves when it is stored, rejects when it could not be; `undefined` until it is sent. */
  #arrival: (() => Promise<void>) | undefined;
  #task: Task<R> | undefined;

  constructor(queue: RequestQueue, call: Call, previous?: Request<unknown>) {
    this.#queue = queue;
    this.#priority = queue.lowestPriority;
    this.#previous = previous;
    this.#index = previous ? previous.#index + 1 : 0;
    this.draft = queue.draft(call);
  }

  get id(): string {
    return this.#id ??= this.#previous ? this.#idInPipeline() : randomId();
  }

  get queueName(): string {
    return this.#queue.name;
  }

  get priority(): string {
    return this.#priority;
  }

  /** The condition under which the task is ready, apart from its input. */
  get condition(): Condition {
    return this.#condition;
  }

  /** The request that is piped into this one. */
  get previous(): Request<unknown> | undefined {
    return this.#previous;
  }

  /** The request that this one is piped into. */
  get next(): Request<unknown> | undefined {
    return this.#next;
  }

  /** The first request of its pipeline. */
  get first(): Request<unknown> {
    let first = this as Request<unknown>;
    while (first.#previous) first = first.#previous;
    return first;
  }

  get signal(): AbortSignal | undefined {
    return this.#signal;
  }

  /** The task that the request becomes. */
  get task(): Task<R> {
    return this.#task ??= new TaskHandle<R>({ id: this.id, isNew: this.isNew, inspector: this.#queue.inspector });
  }

  /** Whether the id is that of the caller, so that another task may have it. */
  get isNamed(): boolean {
    return this.first.#isNamed;
  }

  /** Whether it was sent before, with an outcome that is unknown. */
  get wasSent(): boolean {
    return this.#wasSent;
  }

  /** Whether it is stored, or on its way to the store. */
  get isSent(): boolean {
    return this.#arrival !== undefined;
  }

  async status(): Promise<TaskStatus> {
    return await this.#queue.inspector.status(this.id);
  }

  start(options: StartOptions = {}): this {
    if (this.isSent) {
      throw new StreaqError(`Cannot change task ${this.draft.fnName} (id ${this.id}): it was already sent`);
    }
    // Everything is checked before anything changes.
    checkStartOptions(options, this.#previous !== undefined);
    const { id, priority, signal } = options;
    if (id !== undefined) checkId(id);
    if (priority !== undefined) this.#queue.checkPriority(priority);
    const given = conditionFrom(options);
    if (given?.expression !== undefined) this.#queue.checkExpression(given.expression);
    const condition = given ?? this.#condition;
    if (this.#next && condition.expression !== undefined) {
      const { fnName } = this.#next.draft;
      throw new StreaqError(`Cannot repeat task ${this.draft.fnName}: it is piped into task ${fnName}`);
    }
    const after = checkAfter(condition.after, id ?? this.#id);
    this.#condition = after === undefined && condition.after === undefined ? condition : { ...condition, after };
    if (id !== undefined) [this.#id, this.#isNamed] = [id, true];
    if (priority !== undefined) this.#priority = priority;
    if (signal !== undefined) this.#signal = signal;
    return this;
  }

  pipe(next: unknown, kwargs: object = {}): Request<never> {
    const { fnName } = this.draft;
    const other: unknown = typeof next === "function" && (next as RegisteredTask<[], unknown>).enqueue?.();
    if (!(other instanceof Request)) {
      throw new TypeError(`Cannot pipe task ${fnName}: expected a registered task, got ${typeof next}`);
    }
    checkKwargs(kwargs);
    const obstacle = this.#obstacleTo(other);
    if (obstacle) throw new StreaqError(`Cannot pipe task ${fnName} into task ${other.draft.fnName}: ${obstacle}`);
    const { expire } = other.draft;
    const call = { fnName: other.draft.fnName, args: [], kwargs: { ...kwargs }, expire };
    const step = new Request<never>(this.#queue, call, this as Request<unknown>);
    this.#next = step;
    return step;
  }

  /** Notes that it was sent. `arrival` is a function, so that a request that nothing awaits costs no promise. */
  sent(arrival: () => Promise<void>): void {
    this.#arrival = arrival;
  }

  /** Notes that it could not be stored. The next await sends it again, which is safe. */
  failed(): void {
    this.#arrival = undefined;
    this.#wasSent = true;
  }

  /** Sends the request, unless that was done before. */
  then<A = Task<R>, B = never>(
    onFulfilled?: ((task: Task<R>) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    if (!this.#arrival) this.#queue.enqueue(this.first);
    return this.#arrival!().then(() => this.task).then(onFulfilled, onRejected);
  }

  /** The reason why this request cannot be piped into another one. */
  #obstacleTo(other: Request<unknown>): string | undefined {
    const { fnName } = this.draft;
    if (this.isSent) return `request ${this.id} was already sent`;
    if (this.#next) return `task ${fnName} is already piped into task ${this.#next.draft.fnName}`;
    const { expression } = this.#condition;
    if (expression !== undefined) return `task ${fnName} repeats, with schedule ${expression}`;
    if (this.#index + 2 > maxPipeline) return `expected at most ${maxPipeline} tasks in a pipeline, got one more`;
    const [name, otherName] = [this.queueName, other.queueName];
    return name === otherName ? undefined : `expected a task of queue ${name}, got one of queue ${otherName}`;
  }

  /** A caller that names the first task of a pipeline can send the whole pipeline again. */
  #idInPipeline(): string {
    const { first } = this;
    return first.#isNamed ? checkId(`${first.#id}.${this.#index + 1}`) : randomId();
  }
}
