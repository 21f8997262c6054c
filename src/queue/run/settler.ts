import type { Clock } from "../../base/clock.ts";
import { isRetry } from "../../base/errors.ts";
import { isInstance } from "../../base/is_instance.ts";
import type { Logger, LogLevel } from "../../base/log.ts";
import type { Completion } from "../../broker/contract/completing.ts";
import type { RecordCodec, TaskOutcome } from "../records/record_codec.ts";
import { describeFailure } from "../records/failure.ts";
import { defaultTtl } from "../tasks/resolve_task_options.ts";
import type { Counters } from "./counters.ts";
import type { Execution } from "./execution.ts";
import { UnknownTaskError } from "./guards.ts";
import type { InFlight } from "./in_flight.ts";
import type { Outbox } from "./outbox.ts";
import type { Outcome } from "./outcome.ts";
import type { Pump } from "./pump.ts";
import { joinCauses, showFailure } from "./show_failure.ts";
import { SkippedError } from "./skipped_error.ts";

/** Options of a {@linkcode Settler}. */
export interface SettlerOptions {
  readonly workerId: string;
  /** How long failures of tasks that are not registered here are kept, in milliseconds. */
  readonly keepFailed: number;
  readonly inFlight: InFlight;
  readonly outbox: Outbox;
  readonly pump: Pick<Pump<Ending>, "store">;
  readonly codec: RecordCodec;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The result of an execution, on its way to the broker. */
export interface Ending extends Completion {
  readonly execution: Execution;
  readonly end: TaskOutcome;
  /** Replaces `failed` in the log line of a failure. */
  readonly note: string | undefined;
}

/**
 * Turns the outcome of an execution into a stored result, a retry or a release, counts it, and logs it. An execution stays
 * in flight until the broker's answer was dealt with.
 */
export class Settler {
  readonly #options: SettlerOptions;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Settles an execution by its outcome. */
  settle(execution: Execution, outcome: Outcome): void {
    switch (outcome.kind) {
      case "done":
        return this.#finish(execution, { success: true, value: outcome.value });
      case "failed":
        if (isInstance(outcome.error, UnknownTaskError)) return void this.#handOver(execution, outcome.error);
        return this.#finish(execution, { success: false, error: outcome.error }, outcome.note);
      case "retry":
        return void this.#retry(execution, outcome);
      case "aborted":
        return this.#aborted(execution);
      case "released":
        this.say(execution, `↻ ${execution.delivery.taskId} released`);
        return void this.#release(execution);
      case "lost":
        return this.lose(execution);
    }
  }

  /**
   * The result of an execution was answered, see {@linkcode Completing.finish}; `undefined` when it was given up, which the
   * log says. The lease is kept then until the worker leaves, as the try is spent.
   */
  stored({ execution, end, note = "failed" }: Ending, answer: boolean | Error | undefined): void {
    if (answer === undefined) return;
    const { counters, inFlight, logger } = this.#options;
    const { fnName, delivery: { taskId } } = execution;
    // The value cannot be stored; that it cannot must be.
    if (answer instanceof Error && end.success) return this.#finish(execution, { success: false, error: answer });
    inFlight.settle(execution);
    if (answer instanceof Error) {
      logger.error(`task ${fnName} ${taskId} cannot be finished, Redis refuses its result: ${answer.message}`);
    } else if (!answer) {
      this.#endedElsewhere(execution);
    } else if (end.success) {
      counters.completed++;
      this.say(execution, `■ ${taskId}`);
    } else {
      counters.failed++;
      this.say(execution, `× ${taskId} ${note}: ${showFailure(describeFailure(end.error))}`, "error");
    }
  }

  /** Releases an execution that has not begun. */
  release(execution: Execution): void {
    this.#options.inFlight.move(execution, "settling");
    void this.#release(execution);
  }

  /** Lets go of an execution whose lease another worker has. */
  lose(execution: Execution): void {
    const { counters, logger, inFlight } = this.#options;
    counters.relinquished++;
    logger.warn(`task ↩ ${execution.delivery.taskId} was taken over by another worker`);
    inFlight.settle(execution);
  }

  /** Logs a line about an execution, unless its task is silent. */
  say(execution: Execution, what: string, level: LogLevel = "info"): void {
    if (!execution.definition?.options.silent) this.#options.logger[level](`task ${execution.fnName} ${what}`);
  }

  async #release(execution: Execution): Promise<void> {
    const { inFlight, counters, outbox } = this.#options;
    counters.relinquished++;
    // The log says so when it is given up; the lease expires then.
    await outbox.release(execution.delivery).catch(() => {});
    inFlight.settle(execution);
  }

  /** Hands over a task that this worker has not registered, as during a deployment; fails it when no living worker has. */
  async #handOver(execution: Execution, error: UnknownTaskError): Promise<void> {
    const { inFlight, counters, outbox } = this.#options;
    const { fnName, delivery, record } = execution;
    try {
      const isHandedOver = await outbox.handOver({ delivery, fnName, version: record!.version });
      if (!isHandedOver) return this.#finish(execution, { success: false, error });
      this.say(execution, `↷ ${delivery.taskId} handed over to a worker that has registered it`);
    } catch {
      // Given up, which the log says; the lease expires then.
    }
    counters.relinquished++;
    inFlight.settle(execution);
  }

  async #retry(execution: Execution, outcome: Extract<Outcome, { kind: "retry" }>): Promise<void> {
    const { counters, inFlight, outbox } = this.#options;
    const { until, isFree } = outcome;
    const { delivery } = execution;
    const tries = isFree ? execution.tries - 1 : execution.tries;
    let counts: boolean | Error;
    try {
      counts = await outbox.retry({ delivery, tries, until });
    } catch {
      // Given up, which the log says.
      return;
    }
    if (counts instanceof Error) return this.#finish(execution, { success: false, error: counts });
    inFlight.settle(execution);
    if (!counts) return this.#endedElsewhere(execution);
    counters.retried++;
    this.say(execution, `↻ ${delivery.taskId} will be retried ${showRetry(execution, outcome)}`, "warn");
  }

  #aborted(execution: Execution): void {
    const { counters, inFlight } = this.#options;
    inFlight.settle(execution);
    counters.aborted++;
    this.say(execution, `⊘ ${execution.delivery.taskId} aborted`);
  }

  #endedElsewhere(execution: Execution): void {
    const { counters, logger } = this.#options;
    const { fnName, delivery: { taskId } } = execution;
    counters.relinquished++;
    logger.warn(`task ${fnName} ${taskId} finished elsewhere, its outcome here does not count`);
  }

  #finish(execution: Execution, wanted: TaskOutcome, note?: string): void {
    const { delivery, definition } = execution;
    const { end, result, output } = this.#encode(execution, wanted);
    const ttl = definition ? definition.options.ttl : defaultTtl;
    const keep = end.success ? undefined : this.#keepOf(execution, end.error);
    this.#options.pump.store({ execution, end, note, delivery, success: end.success, result, ttl, keep, output });
  }

  /** How long a failure is kept: not at all for a task that was not to run. */
  #keepOf({ definition }: Execution, error: unknown): number | undefined {
    if (isInstance(error, SkippedError)) return undefined;
    return definition ? definition.options.keepFailed : this.#options.keepFailed;
  }

  /** The record of a result; a value that cannot be stored makes a failure that says so. */
  #encode(execution: Execution, end: TaskOutcome): { end: TaskOutcome } & Pick<Completion, "result" | "output"> {
    const { codec, clock, workerId } = this.#options;
    const { delivery, fnName, record, startTime, spentTries } = execution;
    const fields = {
      taskId: delivery.taskId,
      fnName,
      createdTime: record?.createdTime ?? 0,
      enqueueTime: delivery.enqueueTime,
      startTime,
      finishTime: clock.now(),
      tries: spentTries,
      workerId,
    };
    try {
      const result = codec.encodeResult(fields, end, record?.dependencies);
      const next = record?.next;
      if (next === undefined || !end.success) return { end, result };
      return { end, result, output: { next, input: codec.encodeInput(fields, end.value) } };
    } catch (error) {
      const failure: TaskOutcome = { success: false, error };
      return { end: failure, result: codec.encodeResult(fields, failure, record?.dependencies) };
    }
  }
}

/** When a task is tried again, after which try, and why. */
function showRetry(
  { tries, definition }: Execution,
  { until, error, isFree }: Extract<Outcome, { kind: "retry" }>,
): string {
  const { maxTries } = definition!.options;
  const when = until instanceof Date ? `at ${until.toISOString()}` : `in ${until} ms`;
  const count = maxTries === null ? `try ${tries}` : `try ${tries} of ${maxTries}`;
  if (isRetry(error)) return `${when} (${count}${isFree ? ", not spent" : ""}): ${explain(error)}`;
  return `${when} (${count} failed): ${showFailure(describeFailure(error))}`;
}

/** Why a task wants to be tried again: its own words, and what it was caused by. */
function explain(error: Error): string {
  const { message, cause } = describeFailure(error);
  return joinCauses([message, ...(cause ? [showFailure(cause)] : [])].filter(Boolean)) || "no reason given";
}
