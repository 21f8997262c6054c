/**
 * Time for tests: a clock that stands still until it is told to go on, for workers with `redisUrl: "memory://"`.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 * import { TestClock } from "@q/streaq/testing";
 *
 * const clock = new TestClock({ now: new Date("2027-03-27T12:00:00Z") });
 * await using worker = new Worker({ redisUrl: "memory://", clock });
 * const remind = worker.task(function remind(): string {
 *   return "Time to go";
 * });
 *
 * const ended = worker.run();
 * const task = await remind.enqueue().start({ delay: "6h" });
 * await clock.advance("6h"); // takes milliseconds
 * console.log(await task.value());
 * await worker.close();
 * await ended;
 * ```
 *
 * @module
 */
import type { Activity, Clock, Timer } from "./clock.ts";
import { systemClock } from "./clock.ts";
import { type Duration, milliseconds } from "./duration.ts";
import { checkOptionNames, type OptionNames } from "./known_options.ts";
import { Heap, type Heaped } from "./heap.ts";

export type { Activity, Clock, Duration, Timer };

/** How a {@linkcode TestClock} is made. */
export interface TestClockOptions {
  /**
   * The time that it shows at first.
   *
   * @default {the time of the machine}
   */
  now?: Date | number | undefined;
  /**
   * How long, in real time, it stands still for functions that run and wait for something other than this clock.
   *
   * @default {100}
   */
  patience?: Duration | undefined;
}

const names: OptionNames<TestClockOptions> = { now: true, patience: true };

/** After how many turns of the event loop in which nothing happens all is quiet. */
const quietTurns = 4;

interface SetTimer extends Timer, Heaped {
  /** When it fires, by the monotonic clock. */
  readonly time: number;
  /** Of two at the same time the one that was set first fires first. */
  readonly place: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until it is told to go on. Everything of a worker that looks at the time looks at it: delays,
 * retries, timeouts, expiry, how long results are kept, cron jobs, leases. Tests that have one each share nothing, not even
 * the queue.
 */
export class TestClock implements Clock {
  readonly #patience: number;
  /** What the time is when the monotonic clock shows 0. */
  readonly #origin: number;
  #elapsed = 0;
  #set = 0;
  /** How many waits were over. */
  #delays = 0;
  readonly #timers = new Heap<SetTimer>((a, b) => a.time === b.time ? a.place < b.place : a.time < b.time);
  readonly #activities: Activity[] = [];
  /** What had happened when functions that run were last waited for in vain: they are not waited for again. */
  #awaited = -1;
  /** The last call of {@linkcode TestClock.advance}, which the next one waits for. */
  #advancing: Promise<void> = Promise.resolve();

  /**
   * Makes a clock that stands still.
   *
   * @throws {RangeError} When `now` is no time, or `patience` no span.
   */
  constructor(options: TestClockOptions = {}) {
    checkOptionNames(options, names);
    const { now = systemClock.now(), patience = 100 } = options;
    this.#origin = timeOf(now);
    this.#patience = milliseconds(patience, "patience");
  }

  /** The time that it shows, in Unix milliseconds. */
  now(): number {
    return this.#origin + this.#elapsed;
  }

  /** How far it has gone, in milliseconds. */
  monotonic(): number {
    return this.#elapsed;
  }

  /** Calls `callback` when it has gone `ms` milliseconds from now; it keeps no process alive. */
  timer(ms: number, callback: () => void): Timer {
    const timer: SetTimer = {
      time: this.#elapsed + Math.max(0, ms),
      place: this.#set++,
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
   * Waits until it has gone on by a while: for functions that wait themselves.
   *
   * @throws {RangeError} When it is no span, or a negative one.
   *
   * @example
   * ```ts
   * import { TestClock } from "@q/streaq/testing";
   *
   * const clock = new TestClock();
   * const waiting = clock.delay("1h");
   * await clock.advance("1h");
   * await waiting;
   * ```
   */
  delay(duration: Duration): Promise<void> {
    const ms = milliseconds(duration, "duration");
    return new Promise((resolve) => {
      this.timer(ms, () => {
        // Whoever goes on now is waited for.
        this.#delays++;
        resolve();
      });
    });
  }

  /** Waits for what goes on before it moves; a queue in memory calls it. */
  watch(activity: Activity): void {
    this.#activities.push(activity);
  }

  /**
   * Goes on by a while: whatever becomes due on the way happens in order, each at its time, and all that follows from it,
   * before the time goes on.
   *
   * @returns When all is quiet: what there was to do is done, but for functions that go on waiting for something else.
   * @throws {RangeError} When it is no span, or a negative one.
   *
   * @example
   * ```ts
   * import { TestClock } from "@q/streaq/testing";
   *
   * const clock = new TestClock();
   * await clock.advance("1h");
   * ```
   */
  advance(duration: Duration): Promise<void> {
    const ms = milliseconds(duration, "duration");
    // A second call goes on from where the first one stops, even if a callback has thrown there.
    return this.#advancing = this.#advancing.catch(() => {}).then(() => this.#advance(ms));
  }

  async #advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await this.#quiet();
    for (let next = this.#timers.peek(); next && next.time <= end; next = this.#timers.peek()) {
      this.#elapsed = next.time;
      this.#remove(next);
      next.callback();
      await this.#quiet();
    }
    this.#elapsed = end;
    await this.#quiet();
  }

  #remove(timer: SetTimer): void {
    this.#timers.remove(timer);
    timer.heapIndex = -1;
  }

  /** Waits until nothing happens any more, but not for ever for functions that run. */
  async #quiet(): Promise<void> {
    let [version, turns, since] = [this.#version(), 0, systemClock.monotonic()];
    while (turns < quietTurns) {
      await turn();
      const next = this.#version();
      if (next !== version) [version, turns, since] = [next, 0, systemClock.monotonic()];
      else turns++;
      if (turns < quietTurns || version === this.#awaited || !this.#isRunning()) continue;
      if (systemClock.monotonic() - since > this.#patience) {
        this.#awaited = version;
        return;
      }
      await pause();
      turns = 0;
    }
  }

  #version(): number {
    return this.#activities.reduce((sum, { version = 0 }) => sum + version, this.#delays);
  }

  #isRunning(): boolean {
    return this.#activities.some(({ running = 0 }) => running > 0);
  }
}

function timeOf(now: Date | number): number {
  const time = now instanceof Date ? now.getTime() : now;
  if (Number.isFinite(time)) return time;
  throw new RangeError(`Invalid time, expected a valid Date or Unix milliseconds: ${now}`);
}

/** The next turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** A moment of real time, for what is waited for really. */
function pause(): Promise<void> {
  return new Promise((resolve) => void systemClock.timer(1, resolve));
}
