import type { Clock } from "../../base/clock.ts";
import type { Logger, LogLevel } from "../../base/log.ts";
import type { Delivery, Completion } from "../../broker/contract/consumer.ts";
import type { Counters } from "./counters.ts";
import type { Execution } from "./execution.ts";
import type { Outcome } from "./outcome.ts";
import { describeFailure, type FailureRecord } from "../records/failure.ts";
import type { Held } from "./held.ts";
import type { End, RecordCodec } from "../records/codec.ts";
import type { Outbox } from "./outbox.ts";
import { defaultTtl } from "../tasks/task_options.ts";

/** What a {@linkcode Settler} needs of its worker. */
export interface SettlerOptions {
  readonly workerId: string;
  readonly held: Held;
  readonly store: Outbox;
  readonly codec: RecordCodec;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Settles what the worker held: makes a result of an outcome, or hands the task back; counts it, and logs it. */
export class Settler {
  readonly #options: SettlerOptions;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Settles a run by its outcome. */
  async settle(execution: Execution, outcome: Outcome): Promise<void> {
    switch (outcome.kind) {
      case "done":
        return await this.#finish(execution, { success: true, value: outcome.value });
      case "failed":
        return await this.#finish(execution, { success: false, error: outcome.error });
      case "retry":
        return await this.#retry(execution, outcome);
      case "aborted":
        return this.#aborted(execution);
      case "released":
        this.say(execution, `↻ ${execution.delivery.taskId} handed back`);
        return this.release(execution.delivery);
      case "lost":
        return this.forget(execution.delivery);
    }
  }

  /** Hands a delivery back. */
  release(delivery: Delivery): void {
    const { held, counters, store } = this.#options;
    held.unbuffer(delivery);
    held.settle(delivery);
    counters.relinquished++;
    // When it was given up, the log says so.
    store.release(delivery).catch(() => {});
  }

  /** Lets go of a delivery that is in the hands of another worker. */
  forget({ taskId }: Delivery): void {
    this.#options.counters.relinquished++;
    this.#options.logger.warn(`task ↩ ${taskId} is in the hands of another worker`);
  }

  /** Logs a line about a run, unless its task is silent. */
  say(execution: Execution, what: string, level: LogLevel = "info"): void {
    if (!execution.definition?.options.silent) this.#options.logger[level](`task ${nameOf(execution)} ${what}`);
  }

  async #retry(execution: Execution, { until, error }: Extract<Outcome, { kind: "retry" }>): Promise<void> {
    const { counters, held, store } = this.#options;
    const { delivery, tries } = execution;
    held.settle(delivery);
    let counts: boolean | Error;
    try {
      counts = await store.retry({ delivery, tries, until });
    } catch {
      // Given up, which the log says.
      return;
    }
    if (counts instanceof Error) return await this.#finish(execution, { success: false, error: counts });
    if (!counts) return this.#endedElsewhere(execution);
    counters.retried++;
    const when = until instanceof Date ? `at ${until.toISOString()}` : `in ${until} ms`;
    this.say(execution, `↻ ${delivery.taskId} is tried again ${when}: ${explain(error)}`, "warn");
  }

  #aborted(execution: Execution): void {
    const { counters, held } = this.#options;
    held.drop(execution.delivery);
    counters.aborted++;
    this.say(execution, `⊘ ${execution.delivery.taskId} aborted`);
  }

  #endedElsewhere(execution: Execution): void {
    const { counters, logger } = this.#options;
    counters.relinquished++;
    logger.warn(
      `task ${nameOf(execution)} ${execution.delivery.taskId} ended elsewhere, its result here does not count`,
    );
  }

  async #finish(execution: Execution, wanted: End): Promise<void> {
    const { counters, held, logger, store } = this.#options;
    const { delivery, definition } = execution;
    held.settle(delivery);
    const { end, result, output } = this.#encode(execution, wanted);
    const { success } = end;
    const ttl = definition ? definition.options.ttl : defaultTtl;
    let counts: boolean | Error;
    try {
      counts = await store.finish({ delivery, success, result, ttl, output });
    } catch {
      // Given up, which the log says.
      return;
    }
    if (counts instanceof Error && success) {
      // Its value cannot be stored; that it cannot must be.
      return await this.#finish(execution, { success: false, error: counts });
    } else if (counts instanceof Error) {
      logger.error(
        `task ${nameOf(execution)} ${delivery.taskId} could not be ended, Redis refuses it: ${counts.message}`,
      );
    } else if (!counts) {
      this.#endedElsewhere(execution);
    } else if (end.success) {
      counters.completed++;
      this.say(execution, `■ ${delivery.taskId}`);
    } else {
      counters.failed++;
      this.say(execution, `× ${delivery.taskId} failed: ${show(describeFailure(end.error))}`, "error");
    }
  }

  /** The record of a result; a value that cannot be stored makes a failure that says so. */
  #encode(execution: Execution, end: End): { end: End } & Pick<Completion, "result" | "output"> {
    const { codec, clock, workerId } = this.#options;
    const { delivery, record, startTime, tries, hasBegun } = execution;
    const fields = {
      taskId: delivery.taskId,
      fnName: nameOf(execution),
      createdTime: record?.createdTime ?? 0,
      enqueueTime: delivery.enqueueTime,
      startTime,
      finishTime: clock.now(),
      // A start that came to no call counts for nothing.
      tries: hasBegun ? tries : tries - 1,
      workerId,
    };
    try {
      const result = codec.encodeResult(fields, end, record?.dependencies);
      const next = record?.next;
      if (next === undefined || !end.success) return { end, result };
      return { end, result, output: { next, input: codec.encodeInput(fields, end.value) } };
    } catch (error) {
      const failure: End = { success: false, error };
      return { end: failure, result: codec.encodeResult(fields, failure, record?.dependencies) };
    }
  }
}

/** The name of a run's task, for people. */
export function nameOf({ record }: Execution): string {
  return record?.fnName ?? "Unknown";
}

/** Why a task wants to be tried again: its own words, and what it was caused by. */
function explain(error: Error): string {
  const { message, cause } = describeFailure(error);
  return [message, ...(cause ? [show(cause)] : [])].filter(Boolean).join("\nCaused by ") || "no reason given";
}

/** An error with its stack and its causes. */
function show(first: FailureRecord): string {
  const shown: string[] = [];
  for (let failure: FailureRecord | undefined = first; failure; failure = failure.cause) shown.push(showOne(failure));
  return shown.join("\nCaused by ");
}

/** An error with its stack down to where the task began; what lies below is the same for every task. */
function showOne({ name, message, stack }: FailureRecord): string {
  const lines = (stack ?? `${name}: ${message}`).split("\n");
  const end = lines.findIndex((line) =>
    /^\s+at (?:async )?(?:runInScope|AsyncLocalStorage|Executor\.|UniqueLocks\.|#call\b)/.test(line)
  );
  return lines.slice(0, end === -1 ? undefined : end).join("\n");
}
