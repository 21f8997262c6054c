import { StreaqError } from "../../base/errors.ts";
import { checkId, randomId } from "../../base/id.ts";
import type { FailedTasks } from "../failures/failed_tasks.ts";
import type { Inspector } from "../inspect/inspector.ts";
import type { TaskStatus } from "../inspect/task_status.ts";
import type { CommonFields, Draft, DraftTemplate } from "../records/draft.ts";
import { checkKwargs } from "../tasks/kwargs.ts";
import { checkAfter, type Condition, conditionFrom } from "./condition.ts";
import type { EnqueueRequest, RegisteredTask } from "./registered_task.ts";
import { checkStartOptions, type StartOptions } from "./start_options.ts";
import type { Task } from "./task.ts";
import { TaskHandle } from "./task_handle.ts";
import type { UnsentMark, UnsentRequests } from "./unsent_requests.ts";

/** The queue that a request is sent to. */
export interface RequestQueue {
  /** Beginning of generated ids. */
  readonly idPrefix: string;
  readonly name: string;
  readonly inspector: Inspector;
  readonly failedTasks: FailedTasks;
  /** The priority of tasks that name none. */
  readonly lowestPriority: string;
  readonly unsentRequests: UnsentRequests;
  /** @throws {StreaqError} When the queue has no such priority. */
  checkPriority(priority: string): string;
  /** @throws {StreaqError} When it is not a cron expression, or is never due. */
  checkExpression(expression: string): void;
  /** Prepares for the records of a task. */
  template(task: CommonFields): DraftTemplate;
  /** Sends a request together with the whole pipeline behind it. */
  enqueue(request: Request<unknown>): void;
}

/** The requests of one call that could not be stored, with the reasons. */
export type Failures = ReadonlyMap<Request<unknown>, unknown>;

/** The options that a caller has set. */
interface Choice {
  readonly hasId: boolean;
  readonly priority: string | undefined;
  readonly condition: Condition;
  readonly signal: AbortSignal | undefined;
}

/** The place of a request in its pipeline. */
interface Place {
  readonly steps: Request<unknown>[];
  readonly index: number;
}

/** The choice for most tasks. */
const noChoice: Choice = { hasId: false, priority: undefined, condition: {}, signal: undefined };

/** How many tasks a pipeline has at most, as it is stored in one call. */
const maxPipeline = 500;

/**
 * The implementation of {@linkcode EnqueueRequest}. Awaiting it sends the whole pipeline that it belongs to. A request
 * has an `arrival` once it is sent, and can be changed until then.
 *
 * A program may hold a hundred thousand requests, so what few of them have is in objects of its own.
 */
export class Request<R> implements EnqueueRequest<R> {
  static {
    // A request inherits `catch` and `finally`, which work by calling `then`, and `instanceof` takes it for a promise.
    // As a subclass, it would create a promise before it is known whether the request is sent by itself.
    Object.setPrototypeOf(Request.prototype, Promise.prototype);
  }
  declare readonly catch: Promise<Task<R>>["catch"];
  declare readonly finally: Promise<Task<R>>["finally"];
  declare readonly [Symbol.toStringTag]: string;

  readonly draft: Draft;
  /** When it was first sent, in Unix milliseconds. */
  createdTime: number | undefined = undefined;
  /** Whether it has enqueued a task; known when it has arrived. */
  isNew = true;
  readonly #queue: RequestQueue;
  #id: string | undefined = undefined;
  /** Whether the caller has seen the id. */
  #isIdSeen = false;
  #choice = noChoice;
  /** `undefined` unless it is part of a pipeline. */
  #place: Place | undefined;
  /** Counts it as not sent; `undefined` once it is sent, and if another request of its pipeline counts. */
  #unsent: UnsentMark | undefined;
  /** Whether it was sent before, with an outcome that is unknown. */
  #wasSent = false;
  /** Settles when it is stored or refused; `undefined` until it is sent. */
  #arrival: Promise<Failures> | undefined = undefined;
  #task: Task<R> | undefined = undefined;

  constructor(queue: RequestQueue, draft: Draft, place?: Place) {
    this.draft = draft;
    this.#queue = queue;
    this.#place = place;
    this.#unsent = place ? undefined : queue.unsentRequests.add(draft.fnName);
  }

  get id(): string {
    this.#isIdSeen = true;
    return this.taskId;
  }

  /** The id, for purposes of which the caller learns nothing before the request is sent. */
  get taskId(): string {
    return this.#id ??= this.#place && this.#place.index > 0
      ? this.#idInPipeline(this.#place)
      : randomId(this.#queue.idPrefix);
  }

  get queueName(): string {
    return this.#queue.name;
  }

  get priority(): string {
    return this.#choice.priority ?? this.#queue.lowestPriority;
  }

  /** The condition under which the task is ready, apart from its input. */
  get condition(): Condition {
    return this.#choice.condition;
  }

  /** The requests of its pipeline, in order. */
  get pipeline(): readonly Request<unknown>[] {
    return this.#place?.steps ?? [this as Request<unknown>];
  }

  /** Whether its pipeline has other requests. */
  get isPiped(): boolean {
    return this.#place !== undefined && this.#place.steps.length > 1;
  }

  /** The request that is piped into this one. */
  get previous(): Request<unknown> | undefined {
    return this.#place?.steps[this.#place.index - 1];
  }

  /** The request that this one is piped into. */
  get next(): Request<unknown> | undefined {
    return this.#place?.steps[this.#place.index + 1];
  }

  get signal(): AbortSignal | undefined {
    return this.#choice.signal;
  }

  /** The task that the request becomes. */
  get task(): Task<R> {
    return this.#task ??= new TaskHandle<R>(this.taskId, this.isNew, this.#queue);
  }

  /** Whether another task may have its id, because the caller has set or read it. Otherwise, it is 128 random bits. */
  get isIdKnown(): boolean {
    return this.#isIdSeen || this.#isNamed;
  }

  /** Whether no task with its id can be stored. */
  get isFresh(): boolean {
    return !this.isIdKnown && !this.#wasSent;
  }

  /** Whether it was sent before, with an outcome that is unknown. */
  get wasSent(): boolean {
    return this.#wasSent;
  }

  /** When it is stored or refused; `undefined` until it is sent. */
  get arrival(): Promise<Failures> | undefined {
    return this.#arrival;
  }

  async status(): Promise<TaskStatus> {
    return await this.#queue.inspector.status(this.taskId);
  }

  start(options: StartOptions = {}): this {
    if (this.#arrival) {
      throw new StreaqError(`Cannot change task ${this.draft.fnName} (id ${this.id}): it was already sent`);
    }
    // Everything is checked before anything changes.
    checkStartOptions(options, this.previous !== undefined);
    const { id, priority, signal } = options;
    if (id !== undefined) checkId(id);
    if (priority !== undefined) this.#queue.checkPriority(priority);
    const given = conditionFrom(options);
    if (given?.expression !== undefined) this.#queue.checkExpression(given.expression);
    const choice = this.#choice;
    const condition = given ?? choice.condition;
    if (this.next && condition.expression !== undefined) {
      const { fnName } = this.next.draft;
      throw new StreaqError(`Cannot repeat task ${this.draft.fnName}: it is piped into task ${fnName}`);
    }
    const after = checkAfter(condition.after, id ?? this.#id);
    if (id !== undefined) this.#id = id;
    this.#choice = {
      hasId: choice.hasId || id !== undefined,
      priority: priority ?? choice.priority,
      condition: after === undefined && condition.after === undefined ? condition : { ...condition, after },
      signal: signal ?? choice.signal,
    };
    return this;
  }

  pipe(next: unknown, kwargs: object = {}): Request<never> {
    const { fnName } = this.draft;
    const other: unknown = typeof next === "function" && (next as RegisteredTask<[], unknown>).enqueue?.();
    if (!(other instanceof Request)) {
      throw new TypeError(`Cannot pipe task ${fnName}: expected a registered task, got ${typeof next}`);
    }
    // It serves to find out about the task, and is not meant to be sent.
    other.#uncount();
    checkKwargs(kwargs);
    const obstacle = this.#obstacleTo(other);
    if (obstacle) throw new StreaqError(`Cannot pipe task ${fnName} into task ${other.draft.fnName}: ${obstacle}`);
    const { steps, index } = this.#place ??= { steps: [this as Request<unknown>], index: 0 };
    const draft = this.#queue.template(other.draft).draft({ args: [], kwargs: { ...kwargs } });
    const step = new Request<never>(this.#queue, draft, { steps, index: index + 1 });
    steps.push(step);
    return step;
  }

  /** Notes that it is sent. Many requests may share the promise, which resolves to those that have failed. */
  sent(arrival: Promise<Failures>): void {
    this.#arrival = arrival;
    this.#uncount();
  }

  /**
   * Notes that it could not be stored. The next await sends it again, which is safe.
   *
   * @param options.wasSent Whether it may be stored all the same.
   */
  failed({ wasSent }: { wasSent: boolean }): void {
    this.#arrival = undefined;
    this.#wasSent ||= wasSent;
  }

  /** Sends the request, unless that was done before. */
  then<A = Task<R>, B = never>(
    onFulfilled?: ((task: Task<R>) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    if (!this.#arrival) this.#queue.enqueue(this.#first);
    return this.#arrival!.then((failures) => {
      if (failures.has(this as Request<unknown>)) throw failures.get(this as Request<unknown>);
      return this.task;
    }).then(onFulfilled, onRejected);
  }

  /** Whether the caller has set the id of the first task of its pipeline, from which the others derive. */
  get #isNamed(): boolean {
    return this.#first.#choice.hasId;
  }

  get #first(): Request<unknown> {
    return this.#place?.steps[0] ?? (this as Request<unknown>);
  }

  /** No longer counts it as not sent. */
  #uncount(): void {
    this.#unsent?.sent();
    this.#unsent = undefined;
  }

  /** The reason why this request cannot be piped into another one. */
  #obstacleTo(other: Request<unknown>): string | undefined {
    const { fnName } = this.draft;
    if (this.#arrival) return `request ${this.id} was already sent`;
    if (this.next) return `task ${fnName} is already piped into task ${this.next.draft.fnName}`;
    const { expression } = this.condition;
    if (expression !== undefined) return `task ${fnName} repeats, with schedule ${expression}`;
    if (this.pipeline.length === maxPipeline) {
      return `expected at most ${maxPipeline} tasks in a pipeline, got one more`;
    }
    const [name, otherName] = [this.queueName, other.queueName];
    return name === otherName ? undefined : `expected a task of queue ${name}, got one of queue ${otherName}`;
  }

  /** A caller that names the first task of a pipeline can send the whole pipeline again. */
  #idInPipeline({ index }: Place): string {
    return this.#isNamed ? checkId(`${this.#first.#id}.${index + 1}`) : randomId(this.#queue.idPrefix);
  }
}
