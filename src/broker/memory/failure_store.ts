import type { Clock } from "../../base/clock.ts";
import type { ListedFailure } from "../contract/failures.ts";
import type { Payload } from "../contract/payload.ts";
import { type Budget, byteLimit } from "./budget.ts";

/** How many failures are kept: the newest. */
const failureLimit = 10_000;
/** Total size of the records that are kept, in characters or bytes: the oldest make way, so that new tasks are accepted. */
const sizeLimit = byteLimit / 4;
/** How many tasks that failed with the same task come back with it. */
const companionLimit = 1000;

/** A failed task that is kept. */
export interface StoredFailure extends ListedFailure {
  readonly priority: string;
  /** The task that failed first, possibly several levels above; `null` for a task that failed by itself. */
  readonly failedWith: string | null;
  /** The dependency because of which the task cannot run; `null` for a task that failed by itself. */
  readonly blocker: string | null;
  readonly data: Payload;
  /** The input that was piped into the task. */
  readonly input: Payload | null;
  readonly result: Payload;
  /** Until when it is kept, by the monotonic clock. */
  readonly until: number;
}

/** The failures that are kept so that their tasks can be retried. */
export class FailureStore {
  readonly #clock: Clock;
  readonly #budget: Budget;
  /** The oldest first. */
  readonly #failures = new Map<string, StoredFailure>();
  readonly #companions = new Map<string, Set<string>>();
  #size = 0;

  constructor(clock: Clock, budget: Budget) {
    this.#clock = clock;
    this.#budget = budget;
  }

  /** Number of kept failures. */
  get count(): number {
    this.#expire();
    return this.#failures.size;
  }

  /** Returns all, the newest first. */
  list(): StoredFailure[] {
    this.#expire();
    return [...this.#failures.values()].reverse();
  }

  /** Returns the kept failure of a task. */
  get(taskId: string): StoredFailure | undefined {
    const failure = this.#failures.get(taskId);
    if (!failure || failure.until > this.#clock.monotonic()) return failure;
    this.drop(taskId);
    return undefined;
  }

  /** Keeps the failure of a task for so many milliseconds. */
  keep(failure: Omit<StoredFailure, "until" | "time">, ms: number): void {
    this.drop(failure.taskId);
    const time = this.#clock.now();
    const stored = { ...failure, time, until: this.#clock.monotonic() + ms };
    this.#failures.set(stored.taskId, stored);
    this.#count(sizeOf(stored));
    if (stored.failedWith !== null) this.#noteCompanion(stored.failedWith, stored.taskId);
    for (const { taskId } of this.#failures.values()) {
      if (this.#failures.size <= failureLimit && this.#size <= sizeLimit) break;
      this.drop(taskId);
    }
  }

  /** Lets a failed task come back with another one, because of which it cannot run now. */
  block(taskId: string, blocker: string): void {
    const failure = this.#failures.get(taskId)!;
    // Set in place, which keeps the order.
    this.#failures.set(taskId, { ...failure, blocker });
    this.#noteCompanion(blocker, taskId);
  }

  /** The tasks that come back with a task. */
  companions(taskId: string): string[] {
    return [...this.#companions.get(taskId) ?? []].filter((id) => this.#failures.has(id));
  }

  /** Drops the kept failure of a task; returns whether there was one. */
  drop(taskId: string): boolean {
    const failure = this.#failures.get(taskId);
    if (!failure) return false;
    this.#failures.delete(taskId);
    this.#count(-sizeOf(failure));
    for (const failedId of [failure.failedWith, failure.blocker]) {
      if (failedId === null) continue;
      const companions = this.#companions.get(failedId);
      companions?.delete(taskId);
      if (companions?.size === 0) this.#companions.delete(failedId);
    }
    return true;
  }

  #noteCompanion(failedId: string, taskId: string): void {
    let companions = this.#companions.get(failedId);
    if (!companions) this.#companions.set(failedId, companions = new Set());
    if (companions.size < companionLimit) companions.add(taskId);
  }

  #count(bytes: number): void {
    this.#size += bytes;
    this.#budget.add(0, bytes);
  }

  #expire(): void {
    const time = this.#clock.monotonic();
    for (const { taskId, until } of this.#failures.values()) if (until <= time) this.drop(taskId);
  }
}

function sizeOf({ data, input, result }: StoredFailure): number {
  return data.length + (input?.length ?? 0) + result.length;
}
