import { Batch } from "../../base/batch.ts";
import { StreaqError } from "../../base/errors.ts";
import type { Publishing } from "../../broker/contract/broker.ts";
import type { NewTask, Published } from "../../broker/contract/task.ts";
import type { RecordCodec } from "../records/record_codec.ts";
import type { Calendar } from "../schedule/calendar.ts";
import { inSlices } from "./slices.ts";

/** How many tasks of one turn of the event loop are published in one call. */
const batchLimit = 500;

/** Options of a {@linkcode Publisher}. */
export interface PublisherOptions {
  readonly publishing: Publishing;
  readonly codec: RecordCodec;
  readonly calendar: Calendar;
  readonly timeZone: string;
}

/** How {@linkcode Publisher.publishInSlices} handles its items. */
export interface SliceHandler<T> {
  /** The id of an item's task. */
  idOf(item: T): string;
  /** Makes the tasks of a slice, whose first item is at index `start`. */
  encode(slice: readonly T[], start: number): readonly NewTask[];
  /** Receives the answers for items, and their tasks, if these were made. Must not reject. */
  settle(items: readonly T[], answers: readonly Published[], tasks: readonly NewTask[]): Promise<void>;
}

/** Tasks on their way to the store. */
interface UnderWay {
  /** Whether one of the ids is that of such a task. */
  hasAny(ids: ReadonlySet<string>): boolean;
  readonly settled: Promise<unknown>;
}

/**
 * Publishes tasks in batches. Tasks are published after the ones on their way on which they depend, since calls may
 * reach the store in any order.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #batch: Batch<NewTask, Published>;
  readonly #underWay = new Set<UnderWay>();

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#batch = new Batch((tasks) => this.#publish(tasks), batchLimit);
  }

  /**
   * Publishes a task, together with others of this turn of the event loop.
   *
   * @param expression The cron expression by which the task repeats.
   */
  publish(task: NewTask, expression: string | undefined): Promise<Published> {
    return expression === undefined ? this.#batch.add(task) : this.#schedule(task, expression);
  }

  /**
   * Publishes tasks in order, all but repeating ones in one call. Never rejects.
   *
   * @param expressions For each task, the cron expression by which it repeats.
   */
  async publishAll(
    tasks: readonly NewTask[],
    expressions: readonly (string | undefined)[],
  ): Promise<Published[]> {
    // Earlier requests go first.
    this.#batch.flush();
    const plain = tasks.filter((_, i) => expressions[i] === undefined);
    // Repeating tasks go before plain ones, which may depend on them.
    const repeating = expressions.map((expression, i) => {
      return expression === undefined ? undefined : this.#schedule(tasks[i]!, expression).catch(asError);
    });
    const published = plain.length === 0
      ? Promise.resolve<Published[]>([])
      : this.#publish(plain).catch((error) => plain.map(() => asError(error)));
    if (plain.length === tasks.length) return await published;
    const scheduled = await Promise.all(repeating);
    const answers = (await published).values();
    return scheduled.map((answer) => answer ?? answers.next().value as Published);
  }

  /**
   * Publishes tasks without dependencies in slices: the store works on some while the next ones are encoded. After a call
   * that fails there is no other. Never rejects.
   *
   * @param items The items that tasks are made of.
   */
  async publishInSlices<T>(items: readonly T[], { idOf, encode, settle }: SliceHandler<T>): Promise<void> {
    // Earlier requests go first.
    this.#batch.flush();
    let failure: Error | undefined;
    const sending = inSlices(items, async (slice, start) => {
      let tasks: readonly NewTask[] = [];
      let answers: readonly Published[];
      try {
        tasks = encode(slice, start);
        answers = await this.#options.publishing.publish(tasks);
      } catch (error) {
        failure ??= asError(error);
        answers = slice.map(() => asError(error));
      }
      await settle(slice, answers, tasks);
      return failure === undefined;
    });
    const unsent = await this.#track((ids) => items.some((item) => ids.has(idOf(item))), sending);
    await settle(unsent, unsent.map(() => failure!), []);
  }

  #publish(tasks: readonly NewTask[]): Promise<Published[]> {
    const { publishing } = this.#options;
    const after = new Set<string>();
    for (const task of tasks) task.after?.forEach((id) => after.add(id));
    const before = after.size === 0 ? [] : [...this.#underWay].filter((underWay) => underWay.hasAny(after));
    const published = before.length === 0
      ? publishing.publish(tasks)
      : Promise.allSettled(before.map(({ settled }) => settled)).then(() => publishing.publish(tasks));
    return this.#track((ids) => includesAny(tasks, ids), published);
  }

  /** Stores the schedule of a task, whose first occurrence has the task's id. */
  #schedule(task: NewTask, expression: string): Promise<Published> {
    return this.#track((ids) => ids.has(task.id), this.#storeSchedule(task, expression));
  }

  async #storeSchedule({ id, priority, data }: NewTask, expression: string): Promise<Published> {
    const { publishing, calendar, codec, timeZone } = this.#options;
    // The server's clock decides what is due.
    const time = calendar.next(expression, timeZone, await publishing.time());
    if (time === null) {
      const shown = JSON.stringify(expression);
      throw new StreaqError(`Cannot use cron expression ${shown} in time zone ${timeZone}: it is never due again`);
    }
    const schedule = { name: id, isStatic: false, expression, timeZone, priority };
    // A record of a task does not pass for that of a schedule.
    const record = codec.encodeSchedule(schedule, codec.decodeTask(id, data));
    const answer = await publishing.schedule({ ...schedule, data: record }, { taskId: id, data, time });
    return answer === "changed" || answer === "unchanged" ? "created" : answer;
  }

  /** Notes that tasks are under way until a promise settles. */
  async #track<T>(hasAny: UnderWay["hasAny"], settled: Promise<T>): Promise<T> {
    const underWay = { hasAny, settled };
    this.#underWay.add(underWay);
    try {
      return await settled;
    } finally {
      this.#underWay.delete(underWay);
    }
  }
}

/** Whether one of the ids is that of a task, or of a task behind it in its pipeline. */
function includesAny(tasks: readonly NewTask[], ids: ReadonlySet<string>): boolean {
  return tasks.some((first) => {
    for (let task: NewTask | undefined = first; task; task = task.next) {
      if (ids.has(task.id)) return true;
    }
    return false;
  });
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
