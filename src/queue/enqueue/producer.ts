import { abortable } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import { StreaqError } from "../../base/errors.ts";
import type { NewTask, Published } from "../../broker/contract/task.ts";
import type { Inspector } from "../inspect/inspector.ts";
import type { Call, Draft } from "../records/draft.ts";
import type { RecordCodec } from "../records/record_codec.ts";
import { type EncodeOptions, encodeRequest } from "./encode_request.ts";
import { EnqueueError } from "./enqueue_error.ts";
import type { Enqueued } from "./enqueued.ts";
import { Publisher, type PublisherOptions } from "./publisher.ts";
import type { EnqueueRequest } from "./registered_task.ts";
import { Request, type RequestQueue } from "./request.ts";

/** Options of a {@linkcode Producer}. */
export interface ProducerOptions extends EncodeOptions, PublisherOptions {
  readonly inspector: Inspector;
  readonly codec: RecordCodec;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  readonly clock: Clock;
}

/** The producer's side of a queue: it checks, encodes and publishes requests. */
export class Producer implements RequestQueue {
  readonly #options: ProducerOptions;
  readonly #publisher: Publisher;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#publisher = new Publisher(options);
  }

  /** The name of the queue. */
  get name(): string {
    return this.#options.queueName;
  }

  get inspector(): Inspector {
    return this.#options.inspector;
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

  draft(call: Call): Draft {
    return this.#options.codec.draft(call);
  }

  /** Sends a request with the pipeline behind it, together with other requests of this turn of the event loop. */
  enqueue(request: Request<unknown>): void {
    const arrival = this.#enqueue(request);
    const pipeline = pipelineFrom(request);
    for (const step of pipeline) step.sent(() => arrival);
    arrival.catch(() => pipeline.forEach((step) => step.failed()));
  }

  /**
   * Sends requests in one go.
   *
   * @returns The tasks, in order.
   * @throws {EnqueueError} When some could not be stored.
   * @throws {StreaqError | TypeError} When one of them is part of a pipeline, of another queue, or not a request.
   */
  async enqueueMany<const T extends readonly EnqueueRequest<unknown>[]>(requests: T): Promise<Enqueued<T>> {
    const all = requests.map((request, i) => {
      if (request instanceof Request) return request as Request<unknown>;
      throw new TypeError(`Cannot enqueue tasks: expected a request at index ${i}, got ${typeof request}`);
    });
    const piped = all.find(({ next, previous }) => next ?? previous);
    if (piped) {
      throw new StreaqError(`Cannot enqueue task ${piped.draft.fnName} among others: await its pipeline instead`);
    }
    const foreign = all.find(({ queueName }) => queueName !== this.name);
    if (foreign) {
      const queues = `expected a request of queue ${this.name}, got one of queue ${foreign.queueName}`;
      throw new StreaqError(`Cannot enqueue task ${foreign.draft.fnName} among others: ${queues}`);
    }
    const fresh = new Set(all.filter(({ isSent }) => !isSent));
    const failures = await this.#enqueueAll([...fresh]);
    for (const request of all) {
      if (!fresh.has(request)) await request.then(null, (reason) => failures.set(request, reason));
    }
    const tasks = all.filter((request) => !failures.has(request)).map(({ task }) => task);
    if (failures.size === 0) return tasks as Enqueued<T>;
    const [cause] = failures.values();
    const failed = all.length - tasks.length;
    throw new EnqueueError(`Cannot enqueue ${failed} of ${all.length} tasks: ${messageOf(cause)}`, { cause, tasks });
  }

  async #enqueue(request: Request<unknown>): Promise<void> {
    const { signal, condition: { expression } } = request;
    signal?.throwIfAborted();
    let published: Published;
    try {
      const task = encodeRequest(request, this.#options);
      published = await abortable(this.#publisher.publish(task, expression), signal);
      const isNew = published === "created" || await this.#isNew(request, task, published);
      for (const step of pipelineFrom(request)) step.isNew = isNew;
    } catch (error) {
      throw signal?.aborted || error instanceof StreaqError ? error : refusal(request, error);
    }
    accept(request, published);
  }

  /** Whether it is the request that has stored a task which the store has. */
  async #isNew(request: Request<unknown>, task: NewTask, answer: Published): Promise<boolean> {
    // No other request has a generated id.
    if (!request.isNamed) return true;
    if (answer !== "repeated" && !request.wasSent) return false;
    return await this.inspector.isStored(task, request.createdTime!);
  }

  /** Sends requests; returns those that could not be stored, with the reasons. */
  async #enqueueAll(requests: readonly Request<unknown>[]): Promise<Map<Request<unknown>, unknown>> {
    const failures = new Map<Request<unknown>, unknown>();
    if (requests.length === 0) return failures;
    let tasks: NewTask[];
    try {
      for (const { signal } of requests) signal?.throwIfAborted();
      // All are encoded before any is sent: when one cannot be stored, none is.
      tasks = requests.map((request) => encodeRequest(request, this.#options));
    } catch (error) {
      for (const request of requests) failures.set(request, error);
      return failures;
    }
    const published = this.#publishAll(tasks, requests);
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

  /** Publishes tasks and notes which of their requests have enqueued one. */
  async #publishAll(tasks: readonly NewTask[], requests: readonly Request<unknown>[]): Promise<Published[]> {
    const answers = await this.#publisher.publishAll(tasks, requests.map(({ condition }) => condition.expression));
    const checks: Promise<void>[] = [];
    answers.forEach((answer, i) => {
      if (answer === "created" || answer instanceof Error) return;
      const check = this.#isNew(requests[i]!, tasks[i]!, answer);
      checks.push(check.then((isNew) => void (requests[i]!.isNew = isNew), (error) => void (answers[i] = error)));
    });
    await Promise.all(checks);
    return answers;
  }
}

/** A request with the pipeline behind it. */
function pipelineFrom(first: Request<unknown>): Request<unknown>[] {
  const pipeline = [first];
  for (let step = first.next; step; step = step.next) pipeline.push(step);
  return pipeline;
}

function accept(request: Request<unknown>, answer: Published): void {
  if (answer instanceof Error) throw refusal(request, answer);
}

/** The place in a script where an error was raised, as Redis appends it. */
const inScript = / script: [0-9a-f]{40}, on @user_script:\d+\.?$/;

function refusal({ id, draft }: Request<unknown>, cause: unknown): StreaqError {
  const reason = messageOf(cause).replace(inScript, "");
  return new StreaqError(`Cannot enqueue task ${draft.fnName} (id ${id}): ${reason}`, { cause });
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
