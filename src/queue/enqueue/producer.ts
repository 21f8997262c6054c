import { abortable } from "../../base/async.ts";
import { Batch } from "../../base/batch.ts";
import type { Clock } from "../../base/clock.ts";
import { StreaqError } from "../../base/errors.ts";
import type { Calendar } from "../schedule/calendar.ts";
import type { Publishing } from "../../broker/contract/broker.ts";
import type { NewTask, Published } from "../../broker/contract/task.ts";
import { queueInThread } from "../context/task_context.ts";
import type { RecordCodec } from "../records/record_codec.ts";
import type { EnqueueRequest } from "./registered_task.ts";
import { Request, type RequestQueue } from "./request.ts";
import type { Task } from "./task.ts";
import type { Inspector } from "../inspect/inspector.ts";

/** How many requests of one turn of the event loop are published in one call. */
const batchLimit = 500;

/** The tasks of a list of requests, in order and typed. */
export type Enqueued<T extends readonly EnqueueRequest<unknown>[]> = {
  -readonly [K in keyof T]: T[K] extends EnqueueRequest<infer R> ? Task<R> : never;
};

/** Enqueuing several tasks failed for some; sending the same requests again is safe. */
export class EnqueueError extends StreaqError {
  /** The name of the class. */
  override name = "EnqueueError";
  /** Those that are stored. */
  readonly tasks: readonly Task<unknown>[];

  /** Made by `enqueueMany()`. */
  constructor(message: string, options: { cause: unknown; tasks: readonly Task<unknown>[] }) {
    super(message, options);
    this.tasks = options.tasks;
  }
}

/** What a {@linkcode Producer} is made of. */
export interface ProducerOptions {
  readonly publishing: Publishing;
  readonly codec: RecordCodec;
  readonly inspector: Inspector;
  readonly name: string;
  readonly calendar: Calendar;
  readonly timeZone: string;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  readonly clock: Clock;
}

/** Tasks that are on their way to the store. */
interface UnderWay {
  readonly tasks: readonly NewTask[];
  readonly ended: Promise<unknown>;
}

/** A queue as those see it who put tasks in. */
export class Producer implements RequestQueue {
  readonly #options: ProducerOptions;
  readonly #publishing: Batch<NewTask, Published>;
  readonly #underWay = new Set<UnderWay>();

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#publishing = new Batch((tasks) => this.#publish(tasks), batchLimit);
  }

  get inspector(): Inspector {
    return this.#options.inspector;
  }

  /** Where a task goes that names no priority. */
  get lowestPriority(): string {
    return this.#options.priorities[0]!;
  }

  /** @throws {StreaqError} When the queue has no such priority. */
  checkPriority(priority: string): string {
    const { priorities, name } = this.#options;
    if (priorities.includes(priority)) return priority;
    throw new StreaqError(`Unknown priority, queue ${name} has ${priorities.join(", ")}: ${priority}`);
  }

  /** @throws {StreaqError} When it is no cron expression, or never due. */
  checkExpression(expression: string): void {
    const { calendar, timeZone, clock } = this.#options;
    calendar.check(expression, timeZone, clock.now());
  }

  /** The name of the queue. */
  get name(): string {
    return this.#options.name;
  }

  /** Sends a request with all that it is piped into, together with others of this turn of the event loop. */
  enqueue(request: Request<unknown>): void {
    const arrival = this.#enqueue(request);
    const pipeline = pipelineFrom(request);
    for (const step of pipeline) step.sent(() => arrival);
    arrival.catch(() => pipeline.forEach((step) => step.failed()));
  }

  /** Sends requests, all in one go, and tells which were stored when some were not. */
  async enqueueMany<const T extends readonly EnqueueRequest<unknown>[]>(requests: T): Promise<Enqueued<T>> {
    const all = requests.map((request, i) => {
      if (request instanceof Request) return request as Request<unknown>;
      throw new TypeError(`Could not enqueue, expected a request made with enqueue() at ${i}: ${typeof request}`);
    });
    const piped = all.find(({ next, previous }) => next ?? previous);
    if (piped) {
      throw new StreaqError(`Could not enqueue a pipeline among many tasks, await it by itself: ${piped.call.fnName}`);
    }
    const fresh = new Set(all.filter(({ isSent }) => !isSent));
    const failures = await this.#enqueueAll([...fresh]);
    for (const request of all) {
      if (!fresh.has(request)) await request.then(null, (reason) => failures.set(request, reason));
    }
    const tasks = all.filter((request) => !failures.has(request)).map(({ task }) => task);
    if (failures.size === 0) return tasks as Enqueued<T>;
    const [cause] = failures.values();
    throw new EnqueueError(`Could not enqueue ${all.length - tasks.length} of ${all.length} tasks: ${cause}`, {
      cause,
      tasks,
    });
  }

  async #enqueue(request: Request<unknown>): Promise<void> {
    const { signal } = request;
    signal?.throwIfAborted();
    let published: Published;
    try {
      const task = this.#encode(request);
      const { expression } = request.condition;
      const publishing = expression === undefined ? this.#publishing.add(task) : this.#schedule(task, expression);
      published = await abortable(publishing, signal);
    } catch (error) {
      throw signal?.aborted || error instanceof StreaqError ? error : refusal(request, error);
    }
    accept(request, published);
  }

  /** Sends requests, and returns those that did not arrive, with the reasons. */
  async #enqueueAll(requests: readonly Request<unknown>[]): Promise<Map<Request<unknown>, unknown>> {
    const failures = new Map<Request<unknown>, unknown>();
    if (requests.length === 0) return failures;
    let tasks: NewTask[];
    try {
      for (const { signal } of requests) signal?.throwIfAborted();
      // Everything is encoded before anything is sent: what cannot be stored loses nothing.
      tasks = requests.map((request) => this.#encode(request));
    } catch (error) {
      for (const request of requests) failures.set(request, error);
      return failures;
    }
    const published = this.#publishAll(requests, tasks);
    requests.forEach((request, i) => request.sent(async () => accept(request, (await published)[i]!)));
    const answers = await published;
    requests.forEach((request, i) => {
      const answer = answers[i]!;
      if (!(answer instanceof Error)) return;
      failures.set(request, refusal(request, answer));
      request.failed();
    });
    return failures;
  }

  /** Publishes tasks in order, all but those that repeat in one go; never rejects. */
  async #publishAll(requests: readonly Request<unknown>[], tasks: readonly NewTask[]): Promise<Published[]> {
    // What was asked for before is on its way before.
    this.#publishing.flush();
    const plain = tasks.filter((_, i) => requests[i]!.condition.expression === undefined);
    // On their way first, so that others that depend on them wait for that.
    const repeating = requests.map(({ condition: { expression } }, i) => {
      return expression === undefined ? undefined : this.#schedule(tasks[i]!, expression).catch(asError);
    });
    const published = plain.length === 0
      ? Promise.resolve<Published[]>([])
      : this.#publish(plain).catch((error) => plain.map(() => asError(error)));
    if (plain.length === tasks.length) return await published;
    const repeated = await Promise.all(repeating);
    const answers = (await published).values();
    return repeated.map((answer) => answer ?? answers.next().value as Published);
  }

  /** Publishes tasks, after those on their way that they depend on: calls may arrive in any order. */
  #publish(tasks: readonly NewTask[]): Promise<Published[]> {
    const { publishing } = this.#options;
    const after = new Set<string>();
    for (const task of tasks) task.after?.forEach((id) => after.add(id));
    const before = after.size === 0 ? [] : [...this.#underWay].filter(({ tasks }) => hasAny(tasks, after));
    const published = before.length === 0
      ? publishing.publish(tasks)
      : Promise.allSettled(before.map(({ ended }) => ended)).then(() => publishing.publish(tasks));
    return this.#note(tasks, published);
  }

  /** Notes tasks as being on their way for as long as they are. */
  async #note<T>(tasks: readonly NewTask[], ended: Promise<T>): Promise<T> {
    const underWay = { tasks, ended };
    this.#underWay.add(underWay);
    try {
      return await ended;
    } finally {
      this.#underWay.delete(underWay);
    }
  }

  /** Lets a task repeat: its first occurrence has its id. */
  #schedule(task: NewTask, expression: string): Promise<Published> {
    return this.#note([task], this.#storeSchedule(task, expression));
  }

  async #storeSchedule({ id, priority, data }: NewTask, expression: string): Promise<Published> {
    const { publishing, calendar, timeZone } = this.#options;
    // By the server's clock, like all that is due.
    const time = calendar.next(expression, timeZone, await publishing.time());
    if (time === null) throw new StreaqError(`Invalid cron expression, it is never due: ${JSON.stringify(expression)}`);
    const schedule = { name: id, isStatic: false, expression, timeZone, priority, data };
    const answer = await publishing.schedule(schedule, { taskId: id, data, time });
    return answer === "exists" || answer === "done" ? answer : "created";
  }

  #encode(request: Request<unknown>): NewTask {
    const { id, priority, call, condition: { due, after }, previous, next } = request;
    const { name } = this.#options;
    const inThread = queueInThread();
    if (inThread !== undefined && inThread !== name) {
      throw new StreaqError(
        `Could not enqueue ${call.fnName} from a thread, its module's worker has queue ${name} instead of: ${inThread}`,
      );
    }
    const record = { ...call, createdTime: this.#options.clock.now() };
    if (!after && !previous && !next) {
      return { id, priority, data: this.#options.codec.encodeTask(id, record), due };
    }
    const dependencies = previous ? [previous.id] : after;
    const data = this.#options.codec.encodeTask(id, {
      ...record,
      dependencies,
      previous: previous?.id,
      next: next?.id,
    });
    return { id, priority, data, due, after, next: next && this.#encode(next) };
  }
}

/** Whether any of the ids is that of one of the tasks, or of what these are piped into. */
function hasAny(tasks: readonly NewTask[], ids: ReadonlySet<string>): boolean {
  return tasks.some((first) => {
    for (let task: NewTask | undefined = first; task; task = task.next) {
      if (ids.has(task.id)) return true;
    }
    return false;
  });
}

/** A request with all that it is piped into. */
function pipelineFrom(first: Request<unknown>): Request<unknown>[] {
  const pipeline = [first];
  for (let step = first.next; step; step = step.next) pipeline.push(step);
  return pipeline;
}

function accept(request: Request<unknown>, answer: Published): void {
  if (answer instanceof Error) throw refusal(request, answer);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Where in a script an error was raised, as Redis adds it. */
const insideScript = / script: [0-9a-f]{40}, on @user_script:\d+\.?$/;

function refusal({ id, call }: Request<unknown>, cause: unknown): StreaqError {
  const why = (cause instanceof Error ? cause.message : String(cause)).replace(insideScript, "");
  return new StreaqError(`Could not enqueue task ${call.fnName} ${id}: ${why}`, { cause });
}
