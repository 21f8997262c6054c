import type { Clock } from "../../base/clock.ts";
import type { NewTask, Published } from "../../broker/contract/task.ts";
import { checkThreadQueue, encodeRequest } from "./encode_request.ts";
import type { Publisher } from "./publisher.ts";
import { refusal } from "./refusal.ts";
import type { Request } from "./request.ts";

/** Options of a {@linkcode Bulk}. */
export interface BulkOptions {
  readonly queueName: string;
  readonly clock: Clock;
  readonly publisher: Publisher;
  /** Finds out whether it is the request that has stored a task which the store has. */
  isNew(request: Request<unknown>, task: NewTask, answer: Published): Promise<boolean>;
}

/** Sends the requests of one `enqueueMany()`. */
export class Bulk {
  readonly #requests: readonly Request<unknown>[];
  readonly #options: BulkOptions;
  /** The requests that could not be stored, with the reasons. */
  readonly failures: Map<Request<unknown>, unknown> = new Map();

  /** @param requests At least one, none of which is part of a pipeline. */
  constructor(requests: readonly Request<unknown>[], options: BulkOptions) {
    this.#requests = requests;
    this.#options = options;
  }

  /** Sends all requests, or none if one of them cannot be stored as it is. Never rejects. */
  async send(): Promise<void> {
    const { clock, publisher } = this.#options;
    const requests = this.#requests;
    const now = clock.now();
    const encode = (request: Request<unknown>) => encodeRequest(request, now);
    let tasks: NewTask[] | undefined;
    try {
      this.#check();
      // All that can fail comes before the first call.
      tasks = requests.every(isSafe) ? undefined : requests.map(encode);
    } catch (error) {
      return this.#refuseAll(error);
    }
    if (tasks && !requests.every(isPlain)) {
      const answers = await publisher.publishAll(tasks, requests.map(({ condition }) => condition.expression));
      return await this.#settle(requests, answers, tasks);
    }
    await publisher.publishInSlices(requests, {
      idOf: ({ taskId }) => taskId,
      encode: (slice, start) => tasks ? tasks.slice(start, start + slice.length) : slice.map(encode),
      settle: (slice, answers, made) => this.#settle(slice, answers, made),
    });
  }

  /** @throws {StreaqError} In a thread with another queue; also the reason of a signal. */
  #check(): void {
    for (const { signal } of this.#requests) signal?.throwIfAborted();
    checkThreadQueue(this.#requests[0]!.draft.fnName, this.#options.queueName);
  }

  #refuseAll(reason: unknown): void {
    for (const request of this.#requests) {
      this.failures.set(request, reason);
      request.failed({ wasSent: false });
    }
  }

  /** Notes the answers for requests: which could not be stored, and which have enqueued a task. */
  async #settle(
    requests: readonly Request<unknown>[],
    answers: readonly Published[],
    tasks: readonly NewTask[],
  ): Promise<void> {
    const checks: Promise<void>[] = [];
    for (const [i, request] of requests.entries()) {
      const answer = answers[i]!;
      if (answer === "created") continue;
      if (answer instanceof Error) this.#fail(request, answer);
      else checks.push(this.#settleExisting(request, tasks[i]!, answer));
    }
    await Promise.all(checks);
  }

  async #settleExisting(request: Request<unknown>, task: NewTask, answer: Published): Promise<void> {
    try {
      request.isNew = await this.#options.isNew(request, task, answer);
    } catch (error) {
      this.#fail(request, error);
    }
  }

  #fail(request: Request<unknown>, cause: unknown): void {
    this.failures.set(request, refusal(request, cause));
    request.failed({ wasSent: true });
  }
}

/** Whether it can be sent in a slice, apart from others. */
function isPlain({ condition: { expression, after } }: Request<unknown>): boolean {
  return expression === undefined && after === undefined;
}

/** Whether it can be sent in a slice, and encoded without a failure. */
function isSafe(request: Request<unknown>): boolean {
  return isPlain(request) && request.draft.isSafe(request.taskId);
}
