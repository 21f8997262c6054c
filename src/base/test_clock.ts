/**
 * A clock for tests, for workers with `redisUrl: "memory://"`: its time stands still until the test advances it.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 * import { TestClock } from "@q/streaq/testing";
 *
 * const clock = new TestClock({ now: new Date("2027-03-27T12:00:00Z") });
 * await using worker = new Worker({ redisUrl: "memory://", clock });
 * const remind = worker.task("remind", (): string => "Time to go");
 * const running = worker.run();
 *
 * const task = await remind.enqueue().start({ delay: "6h" });
 * await clock.advance("6h"); // takes milliseconds of real time
 * console.log(await task.value()); // "Time to go"
 *
 * await worker.close();
 * await running;
 * ```
 *
 * @module
 */
import type { Activity, Clock, Timer } from "./clock.ts";
import { systemClock } from "./clock.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { checkOptionNames, type OptionNames } from "./known_options.ts";
import { Heap, type Heaped } from "./heap.ts";

export type { Activity, Clock, Duration, Timer };

/** Options of a {@linkcode TestClock}. */
export interface TestClockOptions {
  /** The time at which the clock starts, as a `Date` or in Unix milliseconds; the current time unless given. */
  now?: Date | number | undefined;
  /**
   * How long the clock waits, in real time, for functions that are running before it advances. They may wait for
   * something other than this clock, such as a file or a server.
   *
   * @default {100}
   */
  patience?: Duration | undefined;
}

const names: OptionNames<TestClockOptions> = { now: true, patience: true };

/** Number of turns of the event loop without an event after which everything is idle. */
const idleTurns = 4;

interface PendingTimer extends Timer, Heaped {
  /** When the timer fires, in monotonic time. */
  readonly time: number;
  /** Number of timers that were set before it: of two with the same time, the earlier one fires first. */
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock whose time stands still until {@linkcode TestClock.advance} is called. It controls everything in a worker
 * that depends on time: delays, retries, timeouts, expiry, how long results are kept, cron jobs and leases.
 *
 * Workers with different clocks share nothing, not even the queue, so tests can run side by side.
 */
export class TestClock implements Clock {
  readonly #patience: number;
  /** Unix milliseconds at monotonic time 0. */
  readonly #origin: number;
  /** The monotonic time. */
  #elapsed = 0;
  readonly #timers = new Heap<PendingTimer>((a, b) => a.time === b.time ? a.order < b.order : a.time < b.time);
  #timersSet = 0;
  /** Number of calls of `delay()` that have resolved. */
  #delaysOver = 0;
  readonly #activities: Activity[] = [];
  /**
   * The version at which running functions had used up the patience: at that version, they are not waited for again.
   */
  #impatientVersion = -1;
  /** Settles when the last call of `advance()` is done; the next one waits for it. */
  #advancing: Promise<void> = Promise.resolve();

  /**
   * Creates a clock. Its time stands still.
   *
   * @param options When the clock starts, and how long it waits for functions.
   * @throws {RangeError} If `now` is not a valid time, or `patience` is negative.
   * @throws {TypeError} If `patience` is not a {@linkcode Duration}.
   */
  constructor(options: TestClockOptions = {}) {
    checkOptionNames(options, names);
    const { now = systemClock.now(), patience = 100 } = options;
    this.#origin = parseTime(now);
    this.#patience = parseDuration(patience, 'use option "patience"');
  }

  /** Returns the time of the clock in Unix milliseconds. */
  now(): number {
    return this.#origin + this.#elapsed;
  }

  /** Returns by how many milliseconds the clock has advanced so far. */
  monotonic(): number {
    return this.#elapsed;
  }

  /** Calls `callback` once the clock has advanced by `ms` milliseconds. A timer does not keep the process alive. */
  timer(ms: number, callback: () => void): Timer {
    const timer: PendingTimer = {
      time: this.#elapsed + Math.max(0, ms),
      order: this.#timersSet++,
      callback,
      heapIndex: -1,
      cancel: () => {
        if (timer.heapIndex >= 0) this.#remove(timer);
      },
    };
    this.#timers.push(timer);
    return timer;
  }

  /**
   * Waits until the clock has advanced by a duration, for task functions that wait.
   *
   * @throws {RangeError} If the duration is negative or not finite.
   * @throws {TypeError} If it is not a {@linkcode Duration}.
   *
   * @example
   * ```ts
   * import { TestClock } from "@q/streaq/testing";
   *
   * const clock = new TestClock();
   * async function poll(): Promise<void> {
   *   await clock.delay("1h");
   * }
   *
   * const polled = poll();
   * await clock.advance("1h");
   * await polled;
   * ```
   */
  delay(duration: Duration): Promise<void> {
    const ms = parseDuration(duration, "wait");
    return new Promise((resolve) => {
      this.timer(ms, () => {
        // An event, so that the clock waits for what the caller does next.
        this.#delaysOver++;
        resolve();
      });
    });
  }

  /**
   * Registers work that the clock waits for before it advances. A `memory://` queue calls it.
   *
   * @internal
   */
  watch(activity: Activity): void {
    this.#activities.push(activity);
  }

  /**
   * Advances the clock. Every timer that becomes due fires in order, each at its time, and the clock moves on when
   * everything that follows from it is done.
   *
   * A second call starts from where the first one ends.
   *
   * @returns Resolves when everything is done, except for functions that wait for something other than this clock.
   * @throws {RangeError} If the duration is negative or not finite.
   * @throws {TypeError} If it is not a {@linkcode Duration}.
   *
   * @example
   * ```ts
   * import { TestClock } from "@q/streaq/testing";
   *
   * const clock = new TestClock({ now: new Date("2027-03-27T12:00:00Z") });
   * await clock.advance("1h");
   * console.log(new Date(clock.now()).toISOString()); // "2027-03-27T13:00:00.000Z"
   * ```
   */
  advance(duration: Duration): Promise<void> {
    const ms = parseDuration(duration, "advance the clock");
    // A callback that throws rejects its own call only.
    return this.#advancing = this.#advancing.catch(() => {}).then(() => this.#advance(ms));
  }

  async #advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await this.#becomeIdle();
    for (let next = this.#timers.peek(); next && next.time <= end; next = this.#timers.peek()) {
      this.#elapsed = next.time;
      this.#remove(next);
      next.callback();
      await this.#becomeIdle();
    }
    this.#elapsed = end;
    await this.#becomeIdle();
  }

  #remove(timer: PendingTimer): void {
    this.#timers.remove(timer);
    timer.heapIndex = -1;
  }

  /** Waits until events stop and no function is running; for running functions, only as long as the patience lasts. */
  async #becomeIdle(): Promise<void> {
    let [version, turns, since] = [this.#version(), 0, systemClock.monotonic()];
    while (turns < idleTurns) {
      await nextTurn();
      const next = this.#version();
      if (next !== version) [version, turns, since] = [next, 0, systemClock.monotonic()];
      else turns++;
      if (turns < idleTurns || version === this.#impatientVersion || !this.#isRunning()) continue;
      if (systemClock.monotonic() - since > this.#patience) {
        this.#impatientVersion = version;
        return;
      }
      await realMillisecond();
      turns = 0;
    }
  }

  /** A number that changes with each event. */
  #version(): number {
    return this.#activities.reduce((sum, { version = 0 }) => sum + version, this.#delaysOver);
  }

  #isRunning(): boolean {
    return this.#activities.some(({ running = 0 }) => running > 0);
  }
}

function parseTime(now: Date | number): number {
  const time = now instanceof Date ? now.getTime() : now;
  if (Number.isFinite(time)) return time;
  throw new RangeError(`Cannot use option "now": expected a valid Date or Unix milliseconds, got ${now}`);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function realMillisecond(): Promise<void> {
  return new Promise((resolve) => void systemClock.timer(1, resolve));
}
