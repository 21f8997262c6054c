import type { Deferred } from "../../base/async.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { Heap, type Heaped } from "../../base/heap.ts";
import type { Payload } from "../contract/payload.ts";
import type { NewFailure } from "../contract/result.ts";
import { type Budget, outcomeSize } from "./budget.ts";
import { storedPayload } from "./payload.ts";

/** How long an outcome is kept at least, in milliseconds, even when its result expires earlier. */
const minOutcomeTtl = 60_000;
/** Number of results that are listed as the most recent ones. */
const recentLimit = 10_000;
/** Number of outcomes that one step expires at most. */
const expireLimit = 2000;

/** How a task finished. */
export interface Outcome extends NewFailure {
  /** The task that failed first, possibly several levels above; `null` for a success. */
  readonly failedId: string | null;
  /** The dependency with which it failed, if that is not the task that failed first. */
  readonly blocker?: string | undefined;
  /** The cause of its end: the entry of a lease, with its number of deliveries, or the mark of an abort. */
  readonly by: string;
  readonly deliveries: number;
}

/** An outcome that is kept. */
interface StoredOutcome extends Pick<Outcome, "failedId" | "by" | "deliveries">, Heaped {
  readonly taskId: string;
  /** The lease whose holder last delayed the task until its next try; `null` for none. */
  readonly retriedLease: string | null;
  result: Payload | null;
  /** Until when the result is kept, by the monotonic clock. */
  readonly resultUntil: number;
  /** Until when the outcome itself is kept, by the monotonic clock. */
  readonly outcomeUntil: number;
}

/** The outcomes of finished tasks, their results while they are kept, and the callers that wait for a result. */
export class ResultStore {
  readonly #clock: Clock;
  readonly #budget: Budget;
  readonly #outcomes = new Map<string, StoredOutcome>();
  /** Outcomes that expire, or whose result does, the next first. */
  readonly #expiring = new Heap<StoredOutcome>((a, b) => expiryOf(a) < expiryOf(b));
  /** The most recent outcomes with a result that is kept; the oldest one is overwritten. */
  readonly #recent: StoredOutcome[] = [];
  #recentCount = 0;
  readonly #waiters = new Map<string, Set<Deferred<Payload | null>>>();
  #timer: Timer | undefined;
  #timerTime = Infinity;

  constructor(clock: Clock, budget: Budget) {
    this.#clock = clock;
    this.#budget = budget;
  }

  /** Stores the outcome of a task, and resolves the waits for its result. */
  store(
    taskId: string,
    { result, ttl, failedId, by, deliveries }: Outcome,
    retriedLease: string | null = null,
  ): void {
    const previous = this.#outcomes.get(taskId);
    if (previous) this.#remove(previous);
    const time = this.#clock.monotonic();
    const payload = storedPayload(result);
    const outcome: StoredOutcome = {
      taskId,
      retriedLease,
      failedId,
      by,
      deliveries,
      result: ttl === 0 ? null : payload,
      resultUntil: time + (ttl ?? Infinity),
      outcomeUntil: time + Math.max(ttl ?? Infinity, minOutcomeTtl),
      heapIndex: 0,
    };
    this.#outcomes.set(taskId, outcome);
    this.#budget.add(0, outcomeSize + (outcome.result?.length ?? 0));
    if (outcome.result !== null) this.#recent[this.#recentCount++ % recentLimit] = outcome;
    if (ttl !== null) {
      this.#expiring.push(outcome);
      this.#setTimer();
    }
    this.notify(taskId, payload);
  }

  /** Whether a task has finished, as far as its outcome is still kept. */
  has(taskId: string): boolean {
    return this.#find(taskId) !== undefined;
  }

  /** Returns the outcome of a task; `undefined` when it has not finished, or its outcome has expired. */
  outcome(taskId: string): Pick<StoredOutcome, "failedId" | "retriedLease"> | undefined {
    return this.#find(taskId);
  }

  /** Returns the result of a task; `null` when none is kept. */
  get(taskId: string): Payload | null {
    const outcome = this.#find(taskId);
    return outcome && outcome.resultUntil > this.#clock.monotonic() ? outcome.result : null;
  }

  /** Forgets the outcome of a task that is queued again. */
  forget(taskId: string): void {
    const outcome = this.#outcomes.get(taskId);
    if (outcome) this.#remove(outcome);
  }

  /** Whether the task was finished by exactly this lease or abort, so that the call is a repeated one. */
  isFinishedBy(taskId: string, { failedId, by, deliveries }: Omit<Outcome, keyof NewFailure>): boolean {
    const outcome = this.#find(taskId);
    return outcome?.by === by && outcome.deliveries === deliveries && outcome.failedId === failedId;
  }

  /** Whether a task was aborted: then a mark has finished it, not a delivery. */
  isAborted(taskId: string): boolean {
    const outcome = this.#find(taskId);
    return outcome !== undefined && outcome.by !== "" && outcome.deliveries === 0;
  }

  /** Returns the most recent results that are still kept, latest first. */
  recent(limit: number): [taskId: string, result: Payload][] {
    const results: [string, Payload][] = [];
    const oldest = Math.max(0, this.#recentCount - recentLimit);
    for (let i = this.#recentCount - 1; i >= oldest && results.length < limit; i--) {
      const { taskId, result, resultUntil } = this.#recent[i % recentLimit]!;
      if (result !== null && resultUntil > this.#clock.monotonic()) results.push([taskId, result]);
    }
    return results;
  }

  /** Resolves `waiter` when a task finishes; returns a function that cancels the wait. */
  wait(taskId: string, waiter: Deferred<Payload | null>): () => void {
    let waiters = this.#waiters.get(taskId);
    if (!waiters) this.#waiters.set(taskId, waiters = new Set());
    waiters.add(waiter);
    return () => {
      const current = this.#waiters.get(taskId);
      current?.delete(waiter);
      if (current?.size === 0) this.#waiters.delete(taskId);
    };
  }

  /** Resolves the waits for a task with its result, or with `null` if it will never have one. */
  notify(taskId: string, result: Payload | null): void {
    const waiters = this.#waiters.get(taskId);
    if (!waiters) return;
    this.#waiters.delete(taskId);
    for (const waiter of waiters) waiter.resolve(result);
  }

  #find(taskId: string): StoredOutcome | undefined {
    const outcome = this.#outcomes.get(taskId);
    if (!outcome || outcome.outcomeUntil > this.#clock.monotonic()) return outcome;
    this.#remove(outcome);
    return undefined;
  }

  #remove(outcome: StoredOutcome): void {
    if (expiryOf(outcome) < Infinity) this.#expiring.remove(outcome);
    this.#outcomes.delete(outcome.taskId);
    this.#dropResult(outcome);
    this.#budget.add(0, -outcomeSize);
  }

  #dropResult(outcome: StoredOutcome): void {
    this.#budget.add(0, -(outcome.result?.length ?? 0));
    outcome.result = null;
  }

  /** Removes expired results, and outcomes that have expired themselves. */
  #expire(): void {
    const time = this.#clock.monotonic();
    for (let count = 0; count < expireLimit; count++) {
      const outcome = this.#expiring.peek();
      if (!outcome || expiryOf(outcome) > time) break;
      if (outcome.outcomeUntil <= time) {
        this.#remove(outcome);
      } else {
        this.#expiring.remove(outcome);
        this.#dropResult(outcome);
        this.#expiring.push(outcome);
      }
    }
    this.#setTimer();
  }

  #setTimer(): void {
    const next = this.#expiring.peek();
    const time = next ? expiryOf(next) : Infinity;
    if (time >= this.#timerTime) return;
    this.#timer?.cancel();
    this.#timerTime = time;
    this.#timer = this.#clock.timer(Math.max(0, time - this.#clock.monotonic()), () => {
      this.#timerTime = Infinity;
      this.#expire();
    }, { ref: false });
  }
}

/** Returns when the result expires or, once it has none, the outcome. */
function expiryOf({ result, resultUntil, outcomeUntil }: StoredOutcome): number {
  return result === null ? outcomeUntil : resultUntil;
}
