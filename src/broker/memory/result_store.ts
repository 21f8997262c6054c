import type { Deferred } from "../../base/async.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Payload } from "../contract/payload.ts";
import type { NewResult } from "../contract/result.ts";
import { type Budget, endSize } from "./budget.ts";
import { Heap, type Heaped } from "../../base/heap.ts";
import { storedPayload } from "./payload.ts";

/** For how long at least it is known that a task has ended, in milliseconds. */
const remembered = 60_000;
/** How many of the most recent results are listed. */
const recentLimit = 10_000;
/** How many ends are looked at in one go, when they are to be forgotten. */
const forgetLimit = 2000;

/** How a task has ended. */
export interface End extends NewResult {
  /** The task that has failed in the first place; `null` for a success. */
  readonly failedId: string | null;
  /** What has ended it: the entry of a lease and its number, or the mark of an abort. */
  readonly by: string;
  readonly deliveries: number;
}

/** What is known of a task that has ended. */
interface Ended extends Pick<End, "failedId" | "by" | "deliveries">, Heaped {
  readonly taskId: string;
  result: Payload | null;
  /** Until when there is a result, and until when it is known that the task has ended; by the monotonic clock. */
  readonly keptUntil: number;
  readonly knownUntil: number;
}

/** Tasks that have ended, their results as long as they are kept, and those who wait for them. */
export class ResultStore {
  readonly #clock: Clock;
  readonly #budget: Budget;
  readonly #ended = new Map<string, Ended>();
  /** Those of which something is to be forgotten, the soonest first. */
  readonly #fading = new Heap<Ended>((a, b) => fadeTime(a) < fadeTime(b));
  /** The most recent ones that had a result to keep; the oldest is overwritten. */
  readonly #recent: Ended[] = [];
  #recentCount = 0;
  readonly #waiters = new Map<string, Set<Deferred<Payload | null>>>();
  #timer: Timer | undefined;
  #timerTime = Infinity;

  constructor(clock: Clock, budget: Budget) {
    this.#clock = clock;
    this.#budget = budget;
  }

  /** Notes how a task has ended, and tells those who wait for it. */
  store(taskId: string, { result, ttl, failedId, by, deliveries }: End): void {
    const before = this.#ended.get(taskId);
    if (before) this.#forget(before);
    const time = this.#clock.monotonic();
    const payload = storedPayload(result);
    const ended: Ended = {
      taskId,
      failedId,
      by,
      deliveries,
      result: ttl === 0 ? null : payload,
      keptUntil: time + (ttl ?? Infinity),
      knownUntil: time + Math.max(ttl ?? Infinity, remembered),
      heapIndex: 0,
    };
    this.#ended.set(taskId, ended);
    this.#budget.add(0, endSize + (ended.result?.length ?? 0));
    if (ended.result !== null) this.#recent[this.#recentCount++ % recentLimit] = ended;
    if (ttl !== null) {
      this.#fading.push(ended);
      this.#setTimer();
    }
    this.settle(taskId, payload);
  }

  /** Whether it is known that a task has ended. */
  has(taskId: string): boolean {
    return this.#find(taskId) !== undefined;
  }

  /** How a task has ended; `undefined` when that is not known. */
  outcome(taskId: string): { readonly failedId: string | null } | undefined {
    return this.#find(taskId);
  }

  /** The result of a task; `null` when there is none. */
  get(taskId: string): Payload | null {
    const ended = this.#find(taskId);
    return ended && ended.keptUntil > this.#clock.monotonic() ? ended.result : null;
  }

  /** Whether it was just this that has ended a task. */
  isEndedBy(taskId: string, { failedId, by, deliveries }: Omit<End, keyof NewResult>): boolean {
    const ended = this.#find(taskId);
    return ended?.by === by && ended.deliveries === deliveries && ended.failedId === failedId;
  }

  /** The most recent results that are still kept, latest first. */
  recent(limit: number): [taskId: string, result: Payload][] {
    const results: [string, Payload][] = [];
    const oldest = Math.max(0, this.#recentCount - recentLimit);
    for (let i = this.#recentCount - 1; i >= oldest && results.length < limit; i--) {
      const { taskId, result, keptUntil } = this.#recent[i % recentLimit]!;
      if (result !== null && keptUntil > this.#clock.monotonic()) results.push([taskId, result]);
    }
    return results;
  }

  /** Lets somebody wait for the end of a task; answers how to stop that. */
  wait(taskId: string, waiter: Deferred<Payload | null>): () => void {
    let waiters = this.#waiters.get(taskId);
    if (!waiters) this.#waiters.set(taskId, waiters = new Set());
    waiters.add(waiter);
    return () => {
      const left = this.#waiters.get(taskId);
      left?.delete(waiter);
      if (left?.size === 0) this.#waiters.delete(taskId);
    };
  }

  /** Tells those who wait for a task of its result, or that there is none. */
  settle(taskId: string, result: Payload | null): void {
    const waiters = this.#waiters.get(taskId);
    if (!waiters) return;
    this.#waiters.delete(taskId);
    for (const waiter of waiters) waiter.resolve(result);
  }

  #find(taskId: string): Ended | undefined {
    const ended = this.#ended.get(taskId);
    if (!ended || ended.knownUntil > this.#clock.monotonic()) return ended;
    this.#forget(ended);
    return undefined;
  }

  #forget(ended: Ended): void {
    if (fadeTime(ended) < Infinity) this.#fading.remove(ended);
    this.#ended.delete(ended.taskId);
    this.#drop(ended);
    this.#budget.add(0, -endSize);
  }

  #drop(ended: Ended): void {
    this.#budget.add(0, -(ended.result?.length ?? 0));
    ended.result = null;
  }

  /** Forgets what it is time to forget: results, then that there were any. */
  #fade(): void {
    const time = this.#clock.monotonic();
    for (let count = 0; count < forgetLimit; count++) {
      const ended = this.#fading.peek();
      if (!ended || fadeTime(ended) > time) break;
      if (ended.knownUntil <= time) {
        this.#forget(ended);
      } else {
        this.#fading.remove(ended);
        this.#drop(ended);
        this.#fading.push(ended);
      }
    }
    this.#setTimer();
  }

  #setTimer(): void {
    const first = this.#fading.peek();
    const time = first ? fadeTime(first) : Infinity;
    if (time >= this.#timerTime) return;
    this.#timer?.cancel();
    this.#timerTime = time;
    this.#timer = this.#clock.timer(Math.max(0, time - this.#clock.monotonic()), () => {
      this.#timerTime = Infinity;
      this.#fade();
    }, { ref: false });
  }
}

/** When something of an end is to be forgotten next. */
function fadeTime({ result, keptUntil, knownUntil }: Ended): number {
  return result === null ? knownUntil : keptUntil;
}
