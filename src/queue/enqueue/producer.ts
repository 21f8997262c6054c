import { abortable, deferred } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import { StreaqError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { NewTask, Published } from "../../broker/contract/task.ts";
import type { FailedTasks } from "../failures/failed_tasks.ts";
import type { Inspector } from "../inspect/inspector.ts";
import type { CallArguments, CommonFields, DraftTemplate } from "../records/draft.ts";
import type { RecordCodec } from "../records/record_codec.ts";
import { kindOf } from "../records/value_kind.ts";
import { Bulk } from "./bulk.ts";
import { checkThreadQueue, encodeRequest } from "./encode_request.ts";
import { EnqueueError } from "./enqueue_error.ts";
import type { Enqueued } from "./enqueued.ts";
import { type Hold, Holds } from "./holds.ts";
import { Publisher, type PublisherOptions } from "./publisher.ts";
import { messageOf, refusal } from "./refusal.ts";
import type { EnqueueRequest } from "./registered_task.ts";
import { type Failures, Request, type RequestQueue } from "./request.ts";
import { UnsentRequests } from "./unsent_requests.ts";

/** Options of a {@linkcode Producer}. */
export interface ProducerOptions extends PublisherOptions {
  readonly queueName: string;
  readonly inspector: Inspector;
  readonly failedTasks: FailedTasks;
  readonly codec: RecordCodec;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  readonly clock: Clock;
  readonly logger: Pick<Logger, "warn">;
}

/** The failures of a request that was stored. */
const noFailures: Failures = new Map();

/** The producer's side of a queue: it checks, encodes and publishes requests. */
export class Producer implements RequestQueue {
  readonly #options: ProducerOptions;
  readonly #publisher: Publisher;
  readonly #holds = new Holds();
  readonly unsentRequests: UnsentRequests;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.unsentRequests = new UnsentRequests(options.logger);
    this.#publisher = new Publisher(options);
  }

  /** The name of the queue. */
  get name(): string {
    return this.#options.queueName;
  }

  get idPrefix(): string {
    return this.#options.publishing.idPrefix;
  }

  get inspector(): Inspector {
    return this.#options.inspector;
  }

  get failedTasks(): FailedTasks {
    return this.#options.failedTasks;
  }

  /** The priority of tasks that name none. */
  get lowestPriority(): string {
    return this.#options.priorities[0]!;
  }

  /** @throws {StreaqError} When the queue has no such priority. */
  checkPriority(priority: string): string {
    const { priorities } = this.#options;
    if (priorities.includes(priority)) return priority;
    throw new StreaqError(`Cannot use priority: expected one of ${priorities.join(", ")}, got ${priority}`);
  }

  /** @throws {StreaqError} When it is not a cron expression, or is never due. */
  checkExpression(expression: string): void {
    const { calendar, timeZone, clock } = this.#options;
    calendar.check(expression, timeZone, clock.now());
  }

  template(task: CommonFields): DraftTemplate {
    return this.#options.codec.template(task);
  }

  /** Creates a request to run a task that may not be registered here. */
  request<R>(task: CommonFields, args: CallArguments): Request<R> {
    return new Request<R>(this, this.template(task).draft(args));
  }

  /** Sends a request with the pipeline behind it, together with other requests of this turn of the event loop. */
  enqueue(request: Request<unknown>): void {
    const arrival = this.#enqueue(request);
    for (const step of request.pipeline) step.sent(arrival);
    arrival.catch(() => request.pipeline.forEach((step) => step.failed({ wasSent: true })));
  }

  /**
   * Sends requests in one go.
   *
   * @returns The tasks, in order.
   * @throws {EnqueueError} When some could not be stored.
   * @throws {StreaqError | TypeError} When one of them is part of a pipeline, of another queue, or not a request.
   */
  async enqueueMany<const T extends readonly EnqueueRequest<unknown>[]>(requests: T): Promise<Enqueued<T>> {
    const all = this.#check(requests);
    // One promise for all, that they refer to before anything can fail.
    const { promise: arrival, resolve } = deferred<Failures>();
    const fresh: Request<unknown>[] = [];
    const earlier: Request<unknown>[] = [];
    for (const request of all) {
      if (request.arrival === undefined) {
        fresh.push(request);
        request.sent(arrival);
      } else if (request.arrival !== arrival) earlier.push(request);
    }
    const failures = await this.#sendAll(fresh);
    resolve(failures);
    for (const request of earlier) await request.then(null, (reason) => void failures.set(request, reason));
    if (failures.size === 0) return all.map(({ task }) => task) as Enqueued<T>;
    const tasks = all.filter((request) => !failures.has(request)).map(({ task }) => task);
    const [cause] = failures.values();
    const failed = all.length - tasks.length;
    throw new EnqueueError(`Cannot enqueue ${failed} of ${all.length} tasks: ${messageOf(cause)}`, { cause, tasks });
  }

  /** @throws {StreaqError | TypeError} When one of them is part of a pipeline, of another queue, or not a request. */
  #check(requests: readonly EnqueueRequest<unknown>[]): readonly Request<unknown>[] {
    if (!Array.isArray(requests)) {
      throw new TypeError(`Cannot enqueue tasks: expected an array of requests, got ${kindOf(requests)}`);
    }
    for (const [i, request] of requests.entries()) {
      if (!(request instanceof Request)) {
        throw new TypeError(`Cannot enqueue tasks: expected a request at index ${i}, got ${kindOf(request)}`);
      }
      const { draft: { fnName }, isPiped, queueName } = request;
      if (isPiped) {
        throw new StreaqError(`Cannot enqueue task ${fnName} among others: await its pipeline instead`);
      }
      if (queueName !== this.name) {
        const queues = `expected a request of queue ${this.name}, got one of queue ${queueName}`;
        throw new StreaqError(`Cannot enqueue task ${fnName} among others: ${queues}`);
      }
    }
    // A copy: the caller may change the list while the tasks are sent.
    return requests.slice() as Request<unknown>[];
  }

  async #sendAll(requests: readonly Request<unknown>[]): Promise<Map<Request<unknown>, unknown>> {
    if (requests.length === 0) return new Map();
    const bulk = new Bulk(requests, {
      ...this.#options,
      publisher: this.#publisher,
      holds: this.#holds,
      isNew: (request, task, answer) => this.#isNew(request, task, answer),
    });
    await bulk.send();
    return bulk.failures;
  }

  async #enqueue(request: Request<unknown>): Promise<Failures> {
    const { signal, condition: { expression }, draft } = request;
    signal?.throwIfAborted();
    let published: Published;
    let hold: Hold | undefined;
    try {
      checkThreadQueue(draft.fnName, this.name);
      hold = this.#holds.hold(request);
      if (hold) await abortable(hold.ready, signal);
      const task = encodeRequest(request, this.#options.clock.now());
      published = await abortable(this.#publisher.publish(task, expression), signal);
      const isNew = published === "created" || await this.#isNew(request, task, published);
      for (const step of request.pipeline) step.isNew = isNew;
    } catch (error) {
      throw signal?.aborted || error instanceof StreaqError ? error : refusal(request, error);
    } finally {
      hold?.release();
    }
    if (published instanceof Error) throw refusal(request, published);
    return noFailures;
  }

  /** Whether it is the request that has stored a task which the store has. */
  async #isNew(request: Request<unknown>, task: NewTask, answer: Published): Promise<boolean> {
    if (!request.isIdKnown) return true;
    if (answer !== "repeated" && !request.wasSent) return false;
    return await this.inspector.isStored(task, request.createdTime!);
  }
}
