import { abortable, Notice } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Scheduling } from "../../broker/contract/scheduling.ts";
import type { Scheduler } from "./scheduler.ts";
import { persist } from "./persist.ts";

/** Options of a {@linkcode Promoter}. */
export interface PromoterOptions {
  readonly scheduling: Scheduling;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Moves due tasks to their streams, has the scheduler enqueue the occurrences that follow, and sleeps until the next task is
 * due.
 */
export class Promoter {
  readonly #options: PromoterOptions;
  readonly #changed = new Notice();
  /** When to look next, by the monotonic clock. */
  #nextTime = 0;
  #promoted = 0;

  constructor(options: PromoterOptions) {
    this.#options = options;
  }

  /** Notifies it that a task is due in `ms` milliseconds. */
  due(ms: number): void {
    const time = this.#options.clock.monotonic() + ms;
    if (time >= this.#nextTime) return;
    this.#nextTime = time;
    this.#changed.notify();
  }

  /** Promotes again and again until the signal is aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const ms = Math.max(0, this.#nextTime - clock.monotonic());
      if (ms > 0) await this.#changed.waitAtMost(ms, { clock, signal });
      if (signal.aborted) return;
      // An abort does not wait for a server that does not answer.
      if (clock.monotonic() >= this.#nextTime) await abortable(this.promote(signal), signal).catch(() => {});
    }
  }

  /** Number of tasks promoted so far. */
  get promoted(): number {
    return this.#promoted;
  }

  /**
   * Moves all tasks that are due now.
   *
   * @throws When the signal is aborted meanwhile.
   */
  async promote(signal: AbortSignal): Promise<void> {
    const { scheduling, scheduler, clock, logger } = this.#options;
    this.#nextTime = Infinity;
    for (;;) {
      const operation = () => scheduling.promote();
      const answer = await persist(operation, { what: "Moving due tasks", clock, logger, signal });
      const { promoted, next, nextSchedule, pollIn } = answer;
      this.#promoted += promoted;
      if (next !== null) this.#lookIn(next);
      this.#lookIn(pollIn);
      if (nextSchedule !== null) scheduler.found();
      if (nextSchedule === 0) {
        const ticked = await scheduler.tickDue();
        if (ticked.hasChanged || ticked.next === 0) continue;
        if (ticked.next !== null) this.#lookIn(ticked.next);
      } else if (nextSchedule !== null) {
        this.#lookIn(nextSchedule);
      }
      if (next !== 0 || promoted === 0) return;
    }
  }

  #lookIn(ms: number): void {
    this.#nextTime = Math.min(this.#nextTime, this.#options.clock.monotonic() + ms);
  }
}
