import type { Clock } from "../../base/clock.ts";
import type { NewTask } from "../contract/task.ts";
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
import { first } from "./first.ts";
import { Heap, type Heaped } from "../../base/heap.ts";
import type { Budget } from "./budget.ts";
import type { MemoryTask } from "./memory_task.ts";
import { readPayload, storedPayload } from "./payload.ts";

/** How many jobs are looked at in one step. */
const dueLimit = 100;
/** How many occurrences that have not ended are known of one job. */
const passedLimit = 1000;

/** The queue, as its schedules see it. */
export interface ScheduleQueue {
  readonly clock: Clock;
  readonly budget: Budget;
  /** A task that has not finished. */
  task(id: string): MemoryTask | undefined;
  /** Whether a task is stored, or has finished. */
  known(id: string): "exists" | "done" | undefined;
  /** Stores a task, which has no place yet. */
  add(task: Pick<NewTask, "id" | "data" | "priority">): MemoryTask;
  /** Lets a task wait for its time. */
  delay(task: MemoryTask, time: number): void;
  /** Removes a task as if it had never been stored; its dependents fail. */
  withdraw(task: MemoryTask): void;
}

/** A task that repeats. */
interface Job extends Heaped {
  schedule: NewSchedule;
  /** When the occurrence is due that is enqueued ahead. */
  time: number;
  /** The id of that occurrence. */
  nextId: string;
  /** The ids of those before it, oldest first, that may not have ended. */
  readonly passed: string[];
}

/** The tasks of a queue that repeat. Of each the next occurrence is there, and waits for its time like any task. */
export class ScheduleStore {
  readonly #queue: ScheduleQueue;
  readonly #jobs = new Map<string, Job>();
  readonly #heap = new Heap<Job>((a, b) => isBefore(placeOf(a), placeOf(b)));
  /** Until when a living worker is said to have a job in its code, by the monotonic clock. */
  readonly #known = new Map<string, number>();

  constructor(queue: ScheduleQueue) {
    this.#queue = queue;
  }

  /** How many there are. */
  get size(): number {
    return this.#jobs.size;
  }

  /** In how many milliseconds the first one is due, 0 when it is; `null` when there is none. */
  next(): number | null {
    const job = this.#heap.peek();
    return job ? Math.max(0, job.time - this.#queue.clock.now()) : null;
  }

  /**
   * Lets a task repeat, beginning with its next occurrence.
   *
   * @throws {StreaqError} When the queue is full.
   */
  schedule(schedule: NewSchedule, next: Occurrence): ScheduleAnswer {
    const { name, isStatic, data } = schedule;
    const before = this.#jobs.get(name);
    const known = isStatic ? undefined : before ? "exists" : this.#queue.known(next.taskId);
    if (known) return known;
    if (before && isSame(before.schedule, schedule)) {
      this.#queue.budget.add(0, data.length - before.schedule.data.length);
      before.schedule = { ...schedule, data: storedPayload(data) };
      return "unchanged";
    }
    const refusal = this.#queue.budget.refusal(1, next.data.length + data.length);
    if (refusal) throw refusal;
    if (before) this.unschedule(name, { withdraw: true });
    const stored = { ...schedule, data: storedPayload(data) };
    const job: Job = { schedule: stored, time: next.time, nextId: next.taskId, passed: [], heapIndex: 0 };
    this.#queue.budget.add(0, data.length);
    this.#jobs.set(name, job);
    this.#heap.push(job);
    this.#await(job, next);
    return before ? "changed" : "created";
  }

  /** Lets a task repeat no more; whether it did. */
  unschedule(name: string, { withdraw }: { withdraw: boolean }): boolean {
    const job = this.#jobs.get(name);
    if (!job) return false;
    for (const id of withdraw ? [job.nextId, ...job.passed] : []) this.#takeBack(id);
    this.#jobs.delete(name);
    this.#heap.remove(job);
    this.#queue.budget.add(0, -job.schedule.data.length);
    return true;
  }

  /** Schedules behind a place whose occurrence has become due; `null` begins at the front. */
  due(after: SchedulePlace | null, binary: boolean): DueSchedules {
    const { clock } = this.#queue;
    const time = clock.now();
    // The clock may have been set back.
    const from = after && after.time <= time ? after : null;
    const due: DueSchedules["due"][number][] = [];
    for (const job of this.#heap.inOrder()) {
      if (job.time > time) return { time, due, unfinished: false, next: job.time - time };
      if (from && !isBefore(from, placeOf(job))) continue;
      if (due.length === dueLimit) return { time, due, unfinished: true, next: null };
      const knownUntil = this.#known.get(job.schedule.name) ?? 0;
      due.push({ ...describe(job, binary), isRegistered: knownUntil > clock.monotonic() });
    }
    return { time, due, unfinished: false, next: null };
  }

  /** Enqueues the next occurrence of a job; `false` when somebody else did before. */
  tick({ name, time, next }: Tick): boolean {
    const job = this.#jobs.get(name);
    if (job?.time !== time) return false;
    job.passed.push(job.nextId);
    while (job.passed.length > passedLimit || (job.passed[0] !== undefined && !this.#queue.task(job.passed[0]))) {
      job.passed.shift();
    }
    job.nextId = next.taskId;
    this.#heap.remove(job);
    job.time = next.time;
    this.#heap.push(job);
    this.#await(job, next);
    return true;
  }

  /** Schedules behind a place, due or not; `null` begins at the front. */
  review(after: SchedulePlace | null, binary: boolean): ScheduleReview {
    const time = this.#queue.clock.now();
    const schedules: ReviewedSchedule[] = [];
    for (const job of this.#heap.inOrder()) {
      if (after && !isBefore(after, placeOf(job))) continue;
      if (schedules.length === dueLimit) return { time, schedules, unfinished: true };
      const task = this.#queue.task(job.nextId);
      const waiting = task?.place === "delayed" ? readPayload(task.data, binary) : null;
      schedules.push({ ...describe(job, binary), taskId: job.nextId, waiting });
    }
    return { time, schedules, unfinished: false };
  }

  /** Replaces the next occurrence of a schedule; `false` when it has another due time by now. */
  revise({ name, time, data, next }: Revision): boolean {
    const job = this.#jobs.get(name);
    if (job?.time !== time) return false;
    this.#queue.budget.add(0, data.length - job.schedule.data.length);
    job.schedule = { ...job.schedule, data: storedPayload(data) };
    const task = this.#queue.task(job.nextId);
    const isNew = job.nextId !== next.taskId;
    if (isNew) this.#takeBack(job.nextId);
    job.nextId = next.taskId;
    this.#heap.remove(job);
    job.time = next.time;
    this.#heap.push(job);
    if (!isNew && task?.place === "delayed") {
      this.#queue.budget.add(0, next.data.length - task.data.length);
      task.data = storedPayload(next.data);
      this.#queue.delay(task, next.time);
    } else if (isNew || time !== next.time) {
      this.#await(job, next);
    }
    return true;
  }

  /** Notes that a living worker has jobs in its code; returns their schedules. */
  register(names: readonly string[], ms: number): Registration {
    const time = this.#queue.clock.monotonic();
    for (const [name, until] of this.#known) if (until <= time) this.#known.delete(name);
    for (const name of names) this.#known.set(name, Math.max(this.#known.get(name) ?? 0, time + ms));
    const schedules = names.map((name) => {
      const job = this.#jobs.get(name);
      return job ? { ...job.schedule, time: job.time } : null;
    });
    return { time: this.#queue.clock.now(), schedules };
  }

  /** The soonest ones. */
  list(limit: number, binary: boolean): StoredSchedule[] {
    return first(this.#heap.inOrder(), limit).map((job) => describe(job, binary));
  }

  /** Lets an occurrence wait for its time, unless it is there or has ended. */
  #await({ schedule: { priority } }: Job, { taskId, data, time }: Occurrence): void {
    if (this.#queue.known(taskId)) return;
    this.#queue.delay(this.#queue.add({ id: taskId, data, priority }), time);
  }

  /** Takes an occurrence back, unless it runs already. */
  #takeBack(id: string): void {
    const task = this.#queue.task(id);
    if (task && !task.run) this.#queue.withdraw(task);
  }
}

function placeOf({ time, schedule: { name } }: Job): SchedulePlace {
  return { time, name };
}

function isBefore(a: SchedulePlace, b: SchedulePlace): boolean {
  return a.time < b.time || a.time === b.time && a.name < b.name;
}

function isSame(a: NewSchedule, b: NewSchedule): boolean {
  return a.expression === b.expression && a.priority === b.priority && a.timeZone === b.timeZone &&
    a.isStatic === b.isStatic;
}

function describe({ schedule, time }: Job, binary: boolean): StoredSchedule {
  return { ...schedule, data: readPayload(schedule.data, binary), time };
}
