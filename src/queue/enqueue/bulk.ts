import { onAbort } from "../../base/abort.ts";
import { deferred } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { NewTask, Published } from "../../broker/contract/task.ts";
import { checkThreadQueue, encodeRequest } from "./encode_request.ts";
import type { Hold, Holds } from "./holds.ts";
import type { Publisher } from "./publisher.ts";
import { refusal } from "./refusal.ts";
import type { Request } from "./request.ts";

/** Options of a {@linkcode Bulk}. */
export interface BulkOptions {
  readonly queueName: string;
  readonly clock: Clock;
  readonly publisher: Publisher;
  readonly holds: Holds;
  /** Finds out whether it is the request that has stored a task which the store has. */
  isNew(request: Request<unknown>, task: NewTask, answer: Published): Promise<boolean>;
}

/** Sends the requests of one `enqueueMany()`. */
export class Bulk {
  readonly #requests: readonly Request<unknown>[];
  readonly #options: BulkOptions;
  /** The requests that could not be stored, with the reasons. */
  readonly failures: Map<Request<unknown>, unknown> = new Map();
  /** The requests without an answer; `undefined` if none has a signal. */
  #unanswered: Set<Request<unknown>> | undefined;
  #hold: Hold | undefined;
  #isAborted = false;

  /** @param requests At least one, none of which is part of a pipeline. */
  constructor(requests: readonly Request<unknown>[], options: BulkOptions) {
    this.#requests = requests;
    this.#options = options;
  }

  /**
   * Sends all requests, or none if one of them cannot be stored as it is, and waits for the answers until one of their
   * signals is aborted. Never rejects.
   */
  async send(): Promise<void> {
    const signals = new Set<AbortSignal>();
    for (const { signal } of this.#requests) if (signal) signals.add(signal);
    if (signals.size === 0) return await this.#send();
    this.#unanswered = new Set(this.#requests);
    const { promise: aborted, resolve } = deferred<void>();
    const sending = this.#send();
    const forget = [...signals].map((signal) => onAbort(signal, () => resolve(this.#abort(signal.reason))));
    await Promise.race([sending, aborted]);
    for (const each of forget) each();
  }

  async #send(): Promise<void> {
    try {
      this.#check();
      this.#hold = this.#options.holds.holdAll(this.#requests);
      if (this.#hold) await this.#hold.ready;
      if (!this.#isAborted) await this.#publish();
    } catch (error) {
      if (!this.#isAborted) this.#refuseAll(error);
    } finally {
      this.#hold?.release();
    }
  }

  /** @throws {StreaqError} When one of them cannot be encoded. */
  async #publish(): Promise<void> {
    const { clock, publisher } = this.#options;
    const requests = this.#requests;
    const now = clock.now();
    const encode = (request: Request<unknown>) => encodeRequest(request, now);
    // All that can fail comes before the first call.
    const tasks = requests.every(isSafe) ? undefined : requests.map(encode);
    if (tasks && !requests.every(isPlain)) {
      const answers = await publisher.publishAll(tasks, requests.map(({ condition }) => condition.expression));
      return await this.#settle(requests, answers, tasks);
    }
    await publisher.publishInSlices(requests, {
      idOf: ({ taskId }) => taskId,
      encode: (slice, start) => {
        // No further slices are sent.
        if (this.#isAborted) throw new Error("A signal was aborted");
        return tasks ? tasks.slice(start, start + slice.length) : slice.map(encode);
      },
      settle: (slice, answers, made) => this.#settle(slice, answers, made),
    });
  }

  /** @throws {StreaqError} In a thread with another queue; also the reason of a signal. */
  #check(): void {
    for (const { signal } of this.#requests) signal?.throwIfAborted();
    checkThreadQueue(this.#requests[0]!.draft.fnName, this.#options.queueName);
  }

  #refuseAll(reason: unknown): void {
    this.#unanswered?.clear();
    for (const request of this.#requests) {
      this.failures.set(request, reason);
      request.failed({ wasSent: false });
    }
  }

  /** The requests without an answer may be stored or not. */
  #abort(reason: unknown): void {
    this.#isAborted = true;
    this.#hold?.release();
    for (const request of this.#unanswered!) {
      this.failures.set(request, reason);
      request.failed({ wasSent: true });
    }
  }

  /** Notes the answers for requests: which could not be stored, and which have enqueued a task. */
  async #settle(
    requests: readonly Request<unknown>[],
    answers: readonly Published[],
    tasks: readonly NewTask[],
  ): Promise<void> {
    if (this.#isAborted) return;
    const checks: Promise<void>[] = [];
    for (const [i, request] of requests.entries()) {
      const answer = answers[i]!;
      if (answer === "created") this.#unanswered?.delete(request);
      else if (answer instanceof Error) this.#fail(request, answer);
      else checks.push(this.#settleExisting(request, tasks[i]!, answer));
    }
    await Promise.all(checks);
  }

  async #settleExisting(request: Request<unknown>, task: NewTask, answer: Published): Promise<void> {
    try {
      const isNew = await this.#options.isNew(request, task, answer);
      if (this.#isAborted) return;
      request.isNew = isNew;
      this.#unanswered?.delete(request);
    } catch (error) {
      this.#fail(request, error);
    }
  }

  #fail(request: Request<unknown>, cause: unknown): void {
    if (this.#isAborted) return;
    this.#unanswered?.delete(request);
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
