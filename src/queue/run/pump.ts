import { type Deferred, deferred } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import { Fifo } from "../../base/fifo.ts";
import type { Logger } from "../../base/log.ts";
import type { Completing, Completion } from "../../broker/contract/completing.ts";
import type { Turn, Turning } from "../../broker/contract/turning.ts";
import { persist } from "./persist.ts";

/** How many turns that lease tasks may be in flight: while the broker works on one, the worker runs the tasks of the other. */
const turnLimit = 2;
/** How many tasks one turn leases at most, because the broker does nothing else meanwhile. */
const leaseLimit = 50;
/** How many results one turn stores at most. */
const completionLimit = 500;
/** Maximum total size of the results of one turn, in characters or bytes. A single larger result has a turn of its own. */
const sizeLimit = 4 * 1024 * 1024;

/** Options of a {@linkcode Pump}. */
export interface PumpOptions<T extends Completion> {
  readonly turning: Turning;
  readonly completing: Pick<Completing, "finish">;
  readonly concurrency: number;
  /** How many slots are free, apart from those that turns in flight will fill. */
  readonly slots: () => number;
  /** Receives what a turn has leased. */
  readonly onLeased: (turn: Turn) => void;
  /**
   * Called once for each completion: with the broker's answer, see {@linkcode Completing.finish}, or `undefined` when
   * storing it was given up.
   */
  readonly onStored: (completion: T, answer: boolean | Error | undefined) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** When to give up on a broker that does not answer. */
  readonly signal: AbortSignal;
}

/**
 * Stores results, batched: results that arrive together go in one call. While there is more to do than the worker can
 * start, each call is a turn, which also leases and starts the next tasks, for free slots only.
 *
 * Two turns are in flight, each for half of the slots, so that worker and broker never wait for each other.
 */
export class Pump<T extends Completion> {
  readonly #options: PumpOptions<T>;
  #completions: T[] = [];
  /** How many completions have no answer yet. */
  #unstored = 0;
  /** How many turns are in flight that lease tasks, or have a reply that waits in `#replies`. */
  #turns = 0;
  /** How many tasks these turns may lease. */
  #reserved = 0;
  /** Resolved at the end of the current `run()`: whether every turn has succeeded. */
  #run: Deferred<boolean> | undefined;
  #state: "resting" | "pumping" | "stopping" = "resting";
  #hasFailed = false;
  #isFlushing = false;
  /** Replies that arrived together. One is handled in each iteration of the event loop. */
  readonly #replies = new Fifo<() => void>();
  #isReplying = false;
  #isIdle: Deferred<void> | undefined;
  /** Whether to stop leasing. */
  #isDue: () => boolean = () => false;

  constructor(options: PumpOptions<T>) {
    this.#options = options;
  }

  /** Stores a result together with others, and calls `onStored`. */
  store(completion: T): void {
    this.#completions.push(completion);
    this.#unstored++;
    this.#flushSoon();
  }

  /** Resolves when every result is stored, or was given up. */
  async idle(): Promise<void> {
    if (this.#unstored > 0) await (this.#isIdle ??= deferred()).promise;
  }

  /**
   * Leases and starts tasks until a turn brings fewer than it asked for, until `isDue` holds, or until {@linkcode stop} is
   * called. Then no turn is in flight any more that leases tasks.
   *
   * @returns `false` when a turn has failed: it may have leased tasks all the same.
   */
  run(isDue: () => boolean): Promise<boolean> {
    this.#state = "pumping";
    this.#hasFailed = false;
    this.#isDue = isDue;
    this.#run = deferred();
    this.#flushSoon();
    return this.#run.promise;
  }

  /** Leases nothing more. */
  stop(): void {
    if (this.#state === "pumping") this.#state = "stopping";
    if (this.#state !== "stopping" || this.#turns > 0) return;
    this.#state = "resting";
    this.#run!.resolve(!this.#hasFailed);
  }

  /** Notifies the pump that there may be free slots. */
  roomChanged(): void {
    if (this.#state === "pumping") this.#flushSoon();
  }

  /** Resolves when the results of what has finished at once were sent. */
  sent(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#flush();
        resolve();
      });
    });
  }

  /** A microtask would be too early: tasks whose promise chains have different lengths are to end together. */
  #flushSoon(): void {
    if (this.#isFlushing || this.#isReplying) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (true) {
      const completions = this.#take();
      const count = this.#nextCount(completions.length > 0);
      if (count === 0 && completions.length === 0) return;
      this.#turn(completions, count);
    }
  }

  /** Takes the completions that go in one call. */
  #take(): T[] {
    const waiting = this.#completions;
    let [count, size] = [0, 0];
    while (count < waiting.length && count < completionLimit) {
      size += waiting[count]!.result.length;
      if (count > 0 && size > sizeLimit) break;
      count++;
    }
    if (count === waiting.length) {
      this.#completions = [];
      return waiting;
    }
    return waiting.splice(0, count);
  }

  /** How many tasks the next turn may lease. */
  #nextCount(hasCompletions: boolean): number {
    if (this.#state !== "pumping") return 0;
    if (this.#isDue()) this.stop();
    if (this.#state !== "pumping" || this.#turns === turnLimit) return 0;
    const { concurrency, slots } = this.#options;
    const share = Math.min(Math.ceil(concurrency / 2), leaseLimit);
    const count = Math.min(slots() - this.#reserved, share);
    // A turn for a few slots is worth its round trip when it stores results, or when there is no other.
    return count === share || hasCompletions || this.#turns === 0 ? Math.max(count, 0) : 0;
  }

  #turn(completions: T[], count: number): void {
    if (count > 0) {
      this.#turns++;
      this.#reserved += count;
    }
    this.#options.turning.turn(completions, count).then(
      (turn) => this.#reply(() => this.#succeed(completions, count, turn)),
      (error) => this.#reply(() => this.#fail(completions, count, error)),
    );
  }

  /**
   * Handles a reply. Of two that have arrived together, the second waits until the results of the first were sent:
   * otherwise both turns would become one, and the worker and the broker would wait for each other.
   */
  #reply(handle: () => void): void {
    this.#replies.push(handle);
    if (!this.#isReplying) this.#nextReply();
  }

  #nextReply(): void {
    const handle = this.#replies.shift();
    if (!handle) return;
    this.#isReplying = true;
    handle();
    setImmediate(() => {
      this.#isReplying = false;
      this.#flush();
      this.#nextReply();
    });
  }

  #succeed(completions: readonly T[], count: number, turn: Turn): void {
    this.#answer(completions, turn.ends);
    if (count === 0) return;
    this.#options.onLeased(turn);
    const isDry = turn.deliveries.length + turn.broken.length < count;
    this.#endTurn(count, { isLast: isDry || this.#state === "stopping" });
  }

  #fail(completions: readonly T[], count: number, error: unknown): void {
    if (completions.length > 0) void this.#storeAgain(completions, error);
    if (count === 0) return;
    this.#hasFailed = true;
    this.#endTurn(count, { isLast: true });
  }

  /** Called after the tasks of the turn were admitted, so that a search for expired leases passes over them. */
  #endTurn(count: number, { isLast }: { isLast: boolean }): void {
    this.#turns--;
    this.#reserved -= count;
    if (isLast) this.stop();
  }

  /** Repeats a turn that has failed, without leasing anything. */
  async #storeAgain(completions: readonly T[], error: unknown): Promise<void> {
    const { completing, clock, logger, signal } = this.#options;
    let attempt = 0;
    const operation = () => ++attempt === 1 ? Promise.reject(error) : completing.finish(completions);
    let answers: readonly (boolean | Error)[] = [];
    try {
      answers = await persist(operation, { what: "Storing results", clock, logger, signal });
    } catch {
      // The log says that it was given up.
    }
    this.#answer(completions, answers);
  }

  #answer(completions: readonly T[], answers: readonly (boolean | Error)[]): void {
    for (let i = 0; i < completions.length; i++) this.#options.onStored(completions[i]!, answers[i]);
    this.#unstored -= completions.length;
    if (this.#unstored > 0 || !this.#isIdle) return;
    this.#isIdle.resolve();
    this.#isIdle = undefined;
  }
}
