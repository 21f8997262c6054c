import { StreaqError } from "../../base/errors.ts";
import { checkLimit } from "../../base/check_limit.ts";
import { checkId } from "../../base/id.ts";
import type { Failures, KeptFailure } from "../../broker/contract/failures.ts";
import type { TolerantCodec } from "../records/tolerant_codec.ts";
import type { Failure } from "./failure.ts";
import { checkFilter, type FailureFilter, matches, matchesTime } from "./failure_filter.ts";
import { revivalsOf } from "./revivals.ts";

/** Options of {@linkcode FailedTasks}. */
export interface FailedTasksOptions {
  readonly failures: Failures;
  readonly records: Pick<TolerantCodec, "read" | "readResult">;
}

/** Which failures are meant: one or several tasks by id, or a filter. */
export type WhichFailures = string | readonly string[] | FailureFilter;

/** How many failures are listed at most. */
const maxListed = 10_000;
/** How many failures are loaded at once; their records may be large. */
const loadSize = 50;
/** How many tasks one call retries, apart from those that failed with them, or purges. */
const callSize = 500;

/** The failed tasks that a queue keeps: lists them, queues them again, and drops them. */
export class FailedTasks {
  readonly #options: FailedTasksOptions;

  constructor(options: FailedTasksOptions) {
    this.#options = options;
  }

  /** Lists the kept failures of some tasks, or those that match, the newest first. */
  async list(which: WhichFailures | FailureFilter & { limit?: number | undefined }): Promise<Failure[]> {
    const ids = givenIds(which);
    const { limit = 100, ...filter } = ids ? { limit: maxListed } : which as { limit?: number };
    checkLimit(limit, maxListed);
    const failures: Failure[] = [];
    for await (const failure of this.#matching(checkFilter(filter), ids)) {
      failures.push(failure);
      if (failures.length === limit) break;
    }
    return failures;
  }

  async count(): Promise<number> {
    return await this.#options.failures.count();
  }

  /** Queues one failed task again, with those that failed with it; `false` when that is not possible. */
  async retryOne(id: string): Promise<boolean> {
    const { queued, refusal } = await this.#revive([checkId(id)]);
    if (refusal && !queued.has(id)) throw refusal;
    return queued.has(id);
  }

  /** Queues failed tasks again, with those that failed with them; returns how many. */
  async retry(which: WhichFailures): Promise<number> {
    let refused: Error | undefined;
    const done = await this.#forEachCall(which, "retry", async (ids) => {
      const { queued, refusal } = await this.#revive(ids);
      // It concerns one task alone, so the others are queued nevertheless.
      refused ??= refusal;
      return queued.size;
    });
    if (refused) throw done === 0 ? refused : incomplete("retry", done, refused);
    return done;
  }

  /** Drops kept failures; returns how many. */
  async purge(which: WhichFailures): Promise<number> {
    return await this.#forEachCall(which, "purge", (ids) => this.#options.failures.purge(ids));
  }

  /** Calls `operation` with the ids, some at a time; returns the sum of its answers. */
  async #forEachCall(
    which: WhichFailures,
    action: string,
    operation: (ids: readonly string[]) => Promise<number>,
  ): Promise<number> {
    const ids = await this.#idsOf(which, action);
    let done = 0;
    for (let i = 0; i < ids.length; i += callSize) {
      try {
        done += await operation(ids.slice(i, i + callSize));
      } catch (error) {
        if (i === 0) throw error;
        throw incomplete(action, done, error);
      }
    }
    return done;
  }

  /** The ids of the tasks that are meant, each once. */
  async #idsOf(which: WhichFailures, action: string): Promise<string[]> {
    const given = givenIds(which);
    if (given) return [...given];
    if (typeof which !== "object" || which === null) {
      throw new TypeError(`Cannot ${action} failed tasks: expected an id, a list of ids or a filter, got ${which}`);
    }
    const ids: string[] = [];
    for await (const { taskId } of this.#matching(checkFilter(which as FailureFilter))) ids.push(taskId);
    // The oldest first: a task can be retried only after the one that it failed with.
    return ids.reverse();
  }

  /** Iterates over the failures that match, the newest first; only over those of some tasks if ids are given. */
  async *#matching(filter: FailureFilter, ids?: ReadonlySet<string>): AsyncGenerator<Failure> {
    const listed = (await this.#options.failures.list())
      .filter(({ taskId, time }) => matchesTime(filter, time) && (!ids || ids.has(taskId)));
    for (let i = 0; i < listed.length; i += loadSize) {
      const page = listed.slice(i, i + loadSize);
      const found = await this.#options.failures.load(page.map(({ taskId }) => taskId));
      for (const kept of found) {
        // Retried, purged or expired meanwhile.
        if (kept === null) continue;
        const failure = this.#failureOf(kept);
        if (matches(filter, failure)) yield failure;
      }
    }
  }

  /** Queues tasks again, together with those that failed with them; returns the ids of all that are queued. */
  async #revive(ids: readonly string[]): Promise<{ queued: Set<string>; refusal: Error | undefined }> {
    const { failures, records } = this.#options;
    const kept: KeptFailure[] = [];
    for (const page of pagesOf(await this.#withCompanions(ids), loadSize)) {
      for (const failure of await failures.load(page)) if (failure) kept.push(failure);
    }
    const revivals = revivalsOf(kept, records);
    if (revivals.length === 0) return { queued: new Set(), refusal: undefined };
    const answers = await failures.revive(revivals);
    const refusal = answers.find((answer) => answer instanceof Error);
    const queued = new Set(revivals.filter((_, i) => answers[i] === "queued").map(({ taskId }) => taskId));
    return { queued, refusal };
  }

  /** The given tasks, those that failed with them, and so on. */
  async #withCompanions(ids: readonly string[]): Promise<string[]> {
    const all = new Set(ids);
    for (let level = ids; level.length > 0;) {
      const companions = (await this.#options.failures.companions(level)).flat();
      level = [...new Set(companions)].filter((id) => !all.has(id));
      level.forEach((id) => all.add(id));
    }
    return [...all];
  }

  #failureOf({ taskId, time: failedTime, priority, failedWith, data, result }: KeptFailure): Failure {
    const { records } = this.#options;
    const { args, kwargs } = records.read(taskId, data);
    const { fnName, tries, workerId, exception } = records.readResult(taskId, result);
    // A result that is a success is not ours.
    const error = exception ?? new StreaqError(`Cannot read the failure of task ${taskId}: it is a success`);
    return { taskId, fnName, args, kwargs, priority, tries, failedTime, workerId, exception: error, failedWith };
  }
}

/** The ids that are given instead of a filter, each once. */
function givenIds(which: unknown): Set<string> | undefined {
  if (typeof which === "string") return new Set([checkId(which)]);
  return Array.isArray(which) ? new Set(which.map((id) => checkId(id))) : undefined;
}

function incomplete(action: string, done: number, error: unknown): StreaqError {
  const reason = error instanceof Error ? error.message : String(error);
  return new StreaqError(`Cannot ${action} all failed tasks: ${done} are done, then ${reason}`, { cause: error });
}

function* pagesOf(ids: readonly string[], size: number): Generator<readonly string[]> {
  for (let i = 0; i < ids.length; i += size) yield ids.slice(i, i + size);
}
