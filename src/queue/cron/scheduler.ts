import { abortable, delay } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Agenda, Broker, Consumer, Occurrence, Repetition, Tick } from "../../broker/broker.ts";
import type { Definition } from "../definition.ts";
import { persist } from "../persist.ts";
import type { RecordCodec } from "../record.ts";
import type { Calendar } from "./calendar.ts";
import { occurrenceId } from "./occurrence.ts";

/** What a {@linkcode Scheduler} needs of its worker. */
export interface SchedulerOptions {
  readonly broker: Broker;
  readonly consumer: Consumer;
  readonly registry: ReadonlyMap<string, Definition>;
  readonly codec: RecordCodec;
  readonly calendar: Calendar;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  /** What a living worker has in its code is known for as long, in milliseconds. */
  readonly idleTimeout: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * An occurrence that was missed by no more than this, in milliseconds, is enqueued late. More means that no worker ran:
 * then the one that was enqueued ahead starts late, and the others of that time are left out.
 */
const tolerance = 2000;

/**
 * Enqueues the occurrences of cron jobs. Of each job the next one is always enqueued ahead, so that it is there when its
 * time comes, whoever lives then; as soon as it is due, it is time to enqueue the one after it.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  #hasFailed = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Schedules the jobs of the code, sees to it that they stay scheduled, and keeps on until told to stop. */
  async keep(signal: AbortSignal): Promise<void> {
    const { registry, consumer, idleTimeout, clock, logger } = this.#options;
    const names = [...registry.values()].filter(({ cron }) => cron).map(({ fnName }) => fnName);
    if (names.length === 0) return;
    let missing = names.length;
    while (!signal.aborted) {
      try {
        const operation = async () => {
          if (missing > 0) await this.#scheduleAll();
          missing = await consumer.know(names);
        };
        await abortable(persist(operation, { what: "Scheduling cron jobs", clock, logger, signal }), signal);
        if (missing === 0) await delay(idleTimeout / 2, { clock, signal });
      } catch {
        // Only when told to stop.
      }
    }
  }

  /**
   * Enqueues the occurrences that come after those that are due.
   *
   * @returns Whether something was done: what is left to another worker stays due, and so does what failed.
   */
  async tick(): Promise<boolean> {
    const { consumer, broker, logger } = this.#options;
    try {
      const agenda = await consumer.agenda();
      const ticks: Tick[] = [];
      let removed = 0;
      for (const job of agenda.due) {
        if (this.#isLeft(job)) continue;
        const next = this.#isGone(job) ? null : this.#following(job, agenda.time);
        if (next) ticks.push({ name: job.name, time: job.time, next });
        else if (await broker.unrepeat(job.name)) removed++;
      }
      if (ticks.length > 0) await consumer.tick(ticks);
      this.#hasFailed = false;
      return ticks.length + removed > 0;
    } catch (error) {
      // Tasks that wait for their time are not to wait for this.
      if (!this.#hasFailed) logger.warn(`Enqueuing cron jobs failed and is tried again: ${error}`);
      this.#hasFailed = true;
      return false;
    }
  }

  /** Those that have changed take effect now. */
  async #scheduleAll(): Promise<void> {
    const { broker, registry, logger } = this.#options;
    const now = await broker.time();
    for (const definition of registry.values()) {
      if (!definition.cron) continue;
      const repetition = this.#repetition(definition, now);
      const first = this.#next(repetition, now);
      if (!first) continue;
      const repeated = await broker.repeat(repetition, first);
      if (repeated === "unchanged") continue;
      logger.info(`cron job ${definition.fnName} ${repeated}, next at ${new Date(first.time).toISOString()}`);
    }
  }

  /** Whether a job of the code is another worker's to see to. */
  #isLeft({ name, isStatic, isKnown }: Agenda["due"][number]): boolean {
    return isStatic && isKnown && !this.#options.registry.get(name)?.cron;
  }

  /** Whether a job was removed from the code: no living worker knows it. */
  #isGone({ name, isStatic }: Agenda["due"][number]): boolean {
    if (!isStatic || this.#options.registry.get(name)?.cron) return false;
    this.#options.logger.warn(`cron job ${name} is in the code of no worker any more, and is removed`);
    return true;
  }

  #following(job: Agenda["due"][number], now: number): Occurrence | null {
    const { calendar } = this.#options;
    try {
      const time = calendar.next(job.expression, job.timeZone, job.time);
      const after = time !== null && time >= now - tolerance ? job.time : now;
      return this.#next(job, after);
    } catch (error) {
      // Stored by somebody who reads expressions another way.
      this.#options.logger.error(`cron job ${job.name} cannot be continued, and is removed: ${error}`);
      return null;
    }
  }

  /** The next occurrence after a time, as a task of its own. */
  #next({ name, data, expression, timeZone }: Repetition, after: number): Occurrence | null {
    const { calendar, codec } = this.#options;
    const time = calendar.next(expression, timeZone, after);
    if (time === null) return null;
    const taskId = occurrenceId(name, time);
    return { taskId, time, data: codec.encodeTask(taskId, codec.decodeTask(name, data)) };
  }

  #repetition({ fnName, cron, options }: Definition, now: number): Repetition {
    const { codec, priorities } = this.#options;
    const { expire } = options;
    const data = codec.encodeTask(fnName, { fnName, args: [], kwargs: {}, createdTime: now, expire });
    const { expression, timeZone } = cron!;
    return { name: fnName, isStatic: true, expression, timeZone, priority: priorities[0]!, data };
  }
}
