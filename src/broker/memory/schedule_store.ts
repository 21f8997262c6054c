import type { Clock } from "../../base/clock.ts";
import { Heap, type Heaped } from "../../base/heap.ts";
import type {
  DueSchedules,
  NewSchedule,
  Occurrence,
  Registration,
  ReviewedSchedule,
  Revision,
  ScheduleAnswer,
  SchedulePlace,
  ScheduleReview,
  StoredSchedule,
  Tick,
} from "../contract/schedule.ts";
import type { NewTask } from "../contract/task.ts";
import type { Budget } from "./budget.ts";
import type { MemoryTask } from "./memory_task.ts";
import { readPayload, storedPayload } from "./payload.ts";
import { take } from "./take.ts";

/** Number of due schedules that one call lists at most. */
const dueLimit = 100;
/** Number of earlier occurrences that one schedule remembers at most. */
const earlierLimit = 1000;

/** The part of the queue that its schedules use. */
export interface ScheduleQueue {
  readonly clock: Clock;
  readonly budget: Budget;
  /** Returns an unfinished task. */
  task(id: string): MemoryTask | undefined;
  /** Returns `exists` for an unfinished task, and `done` for one that has finished. */
  existing(id: string): "exists" | "done" | undefined;
  /** Stores a task that is in no place yet. */
  add(task: Pick<NewTask, "id" | "data" | "priority">): MemoryTask;
  /** Delays a task. */
  delay(task: MemoryTask, time: number): void;
  /** Removes a task as if it had never been stored; its dependents fail. */
  withdraw(task: MemoryTask): void;
}

/** A schedule, and the ids of its occurrences. */
interface Entry extends Heaped {
  schedule: NewSchedule;
  /** When the occurrence that is enqueued ahead is due. */
  time: number;
  /** The id of the occurrence that is enqueued ahead. */
  nextId: string;
  /** The ids of earlier occurrences that may not have finished, oldest first. */
  readonly earlierIds: string[];
}

/** The schedules of a queue. The next occurrence of each is enqueued ahead as a delayed task. */
export class ScheduleStore {
  readonly #queue: ScheduleQueue;
  readonly #entries = new Map<string, Entry>();
  readonly #heap = new Heap<Entry>((a, b) => isBefore(placeOf(a), placeOf(b)));
  /** By the name of a cron job: until when a living worker has registered it, by the monotonic clock. */
  readonly #registered = new Map<string, number>();

  constructor(queue: ScheduleQueue) {
    this.#queue = queue;
  }

  /** Number of schedules. */
  get size(): number {
    return this.#entries.size;
  }

  /** Returns in how many milliseconds the next schedule is due, 0 when one is; `null` when there is none. */
  next(): number | null {
    const entry = this.#heap.peek();
    return entry ? Math.max(0, entry.time - this.#queue.clock.now()) : null;
  }

  /**
   * Stores a schedule, and enqueues its next occurrence ahead.
   *
   * @throws {StreaqError} When the queue is full.
   */
  schedule(schedule: NewSchedule, next: Occurrence): ScheduleAnswer {
    const { name, isStatic, data } = schedule;
    const previous = this.#entries.get(name);
    const existing = isStatic ? undefined : previous ? "exists" : this.#queue.existing(next.taskId);
    if (existing) return existing;
    if (previous && isSame(previous.schedule, schedule)) {
      this.#queue.budget.add(0, data.length - previous.schedule.data.length);
      previous.schedule = { ...schedule, data: storedPayload(data) };
      return "unchanged";
    }
    const refusal = this.#queue.budget.refusal(1, next.data.length + data.length);
    if (refusal) throw refusal;
    if (previous) this.unschedule(name, { withdraw: true });
    const stored = { ...schedule, data: storedPayload(data) };
    const entry: Entry = { schedule: stored, time: next.time, nextId: next.taskId, earlierIds: [], heapIndex: 0 };
    this.#queue.budget.add(0, data.length);
    this.#entries.set(name, entry);
    this.#heap.push(entry);
    this.#enqueueAhead(entry, next);
    return previous ? "changed" : "created";
  }

  /** Removes a schedule; `false` when there was none. */
  unschedule(name: string, { withdraw }: { withdraw: boolean }): boolean {
    const entry = this.#entries.get(name);
    if (!entry) return false;
    for (const id of withdraw ? [entry.nextId, ...entry.earlierIds] : []) this.#withdraw(id);
    this.#entries.delete(name);
    this.#heap.remove(entry);
    this.#queue.budget.add(0, -entry.schedule.data.length);
    return true;
  }

  /** Schedules behind a place whose occurrence has become due; `null` begins at the front. */
  due(after: SchedulePlace | null, binary: boolean): DueSchedules {
    const { clock } = this.#queue;
    const time = clock.now();
    // The clock may have been set back.
    const from = after && after.time <= time ? after : null;
    const due: DueSchedules["due"][number][] = [];
    for (const entry of this.#heap.inOrder()) {
      if (entry.time > time) return { time, due, unfinished: false, next: entry.time - time };
      if (from && !isBefore(from, placeOf(entry))) continue;
      if (due.length === dueLimit) return { time, due, unfinished: true, next: null };
      const registeredUntil = this.#registered.get(entry.schedule.name) ?? 0;
      due.push({ ...describe(entry, binary), isRegistered: registeredUntil > clock.monotonic() });
    }
    return { time, due, unfinished: false, next: null };
  }

  /** Enqueues the next occurrence of a schedule; `false` when that has already happened. */
  tick({ name, time, next }: Tick): boolean {
    const entry = this.#entries.get(name);
    if (entry?.time !== time) return false;
    const { earlierIds } = entry;
    earlierIds.push(entry.nextId);
    while (earlierIds.length > earlierLimit || (earlierIds[0] !== undefined && !this.#queue.task(earlierIds[0]))) {
      earlierIds.shift();
    }
    entry.nextId = next.taskId;
    this.#heap.remove(entry);
    entry.time = next.time;
    this.#heap.push(entry);
    this.#enqueueAhead(entry, next);
    return true;
  }

  /** Schedules behind a place, due or not; `null` begins at the front. */
  review(after: SchedulePlace | null, binary: boolean): ScheduleReview {
    const time = this.#queue.clock.now();
    const schedules: ReviewedSchedule[] = [];
    for (const entry of this.#heap.inOrder()) {
      if (after && !isBefore(after, placeOf(entry))) continue;
      if (schedules.length === dueLimit) return { time, schedules, unfinished: true };
      const task = this.#queue.task(entry.nextId);
      const waiting = task?.place === "delayed" ? readPayload(task.data, binary) : null;
      schedules.push({ ...describe(entry, binary), taskId: entry.nextId, waiting });
    }
    return { time, schedules, unfinished: false };
  }

  /** Replaces the next occurrence of a schedule; `false` when it has another due time by now. */
  revise({ name, time, data, next }: Revision): boolean {
    const entry = this.#entries.get(name);
    if (entry?.time !== time) return false;
    this.#queue.budget.add(0, data.length - entry.schedule.data.length);
    entry.schedule = { ...entry.schedule, data: storedPayload(data) };
    const task = this.#queue.task(entry.nextId);
    const isNew = entry.nextId !== next.taskId;
    if (isNew) this.#withdraw(entry.nextId);
    entry.nextId = next.taskId;
    this.#heap.remove(entry);
    entry.time = next.time;
    this.#heap.push(entry);
    if (!isNew && task?.place === "delayed") {
      this.#queue.budget.add(0, next.data.length - task.data.length);
      task.data = storedPayload(next.data);
      this.#queue.delay(task, next.time);
    } else if (isNew || time !== next.time) {
      this.#enqueueAhead(entry, next);
    }
    return true;
  }

  /** Registers the cron jobs of a living worker for `ms` milliseconds; returns their schedules. */
  register(names: readonly string[], ms: number): Registration {
    const time = this.#queue.clock.monotonic();
    for (const [name, until] of this.#registered) if (until <= time) this.#registered.delete(name);
    for (const name of names) this.#registered.set(name, Math.max(this.#registered.get(name) ?? 0, time + ms));
    const schedules = names.map((name) => {
      const entry = this.#entries.get(name);
      return entry ? { ...entry.schedule, time: entry.time } : null;
    });
    return { time: this.#queue.clock.now(), schedules };
  }

  /** Returns the schedules that are due next. */
  list(limit: number, binary: boolean): StoredSchedule[] {
    return take(this.#heap.inOrder(), limit).map((entry) => describe(entry, binary));
  }

  /** Stores an occurrence as a delayed task, unless a task of its id exists or has finished. */
  #enqueueAhead({ schedule: { priority } }: Entry, { taskId, data, time }: Occurrence): void {
    if (this.#queue.existing(taskId)) return;
    this.#queue.delay(this.#queue.add({ id: taskId, data, priority }), time);
  }

  /** Withdraws an occurrence that has not started. */
  #withdraw(id: string): void {
    const task = this.#queue.task(id);
    if (task && !task.run) this.#queue.withdraw(task);
  }
}

function placeOf({ time, schedule: { name } }: Entry): SchedulePlace {
  return { time, name };
}

function isBefore(a: SchedulePlace, b: SchedulePlace): boolean {
  return a.time < b.time || a.time === b.time && a.name < b.name;
}

function isSame(a: NewSchedule, b: NewSchedule): boolean {
  return a.expression === b.expression && a.priority === b.priority && a.timeZone === b.timeZone &&
    a.isStatic === b.isStatic;
}

function describe({ schedule, time }: Entry, binary: boolean): StoredSchedule {
  return { ...schedule, data: readPayload(schedule.data, binary), time };
}
