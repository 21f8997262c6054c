import type { Activity, Clock } from "../../base/clock.ts";
import type { Found, NewTask, State } from "../contract/task.ts";
import { EventBus } from "./event_bus.ts";
import { Budget } from "./budget.ts";
import { type Allowance, Dependencies, type DependencyQueue } from "./dependencies.ts";
import { first } from "./first.ts";
import { Lane } from "./lane.ts";
import { LiveWorkers } from "./live_workers.ts";
import { LockStore } from "./lock_store.ts";
import { MemoryTask, type TaskLane } from "./memory_task.ts";
import { readPayload, storedPayload } from "./payload.ts";
import { type ScheduleQueue, ScheduleStore } from "./schedule_store.ts";
import { type End, ResultStore } from "./result_store.ts";
import { NextTurn } from "./next_turn.ts";

/** Somebody who waits for a task to be queued. */
export interface Sleeper {
  readonly priorities: readonly string[];
  wake(): void;
}

/**
 * All that is known of one queue. Every change of a task's state is one synchronous function, so nothing is ever seen half
 * done; what leases are, is up to {@linkcode Leases}.
 */
export class MemoryQueue implements Activity, DependencyQueue, ScheduleQueue {
  readonly clock: Clock;
  readonly budget: Budget;
  readonly results: ResultStore;
  readonly dependencies: Dependencies;
  readonly schedules: ScheduleStore;
  readonly locks: LockStore;
  readonly liveWorkers: LiveWorkers;
  readonly events: EventBus = new EventBus();
  readonly turn: NextTurn = new NextTurn();
  readonly #tasks = new Map<string, MemoryTask>();
  readonly #lanes = new Map<string, Lane>();
  readonly #sleepers = new Set<Sleeper>();
  #sequence = 0;

  constructor(clock: Clock, budget: Budget = new Budget()) {
    this.clock = clock;
    this.budget = budget;
    this.results = new ResultStore(clock, budget);
    this.dependencies = new Dependencies(this);
    this.schedules = new ScheduleStore(this);
    this.locks = new LockStore(clock);
    this.liveWorkers = new LiveWorkers(clock);
    clock.watch?.(this);
  }

  /** See {@linkcode Activity}. */
  get version(): number {
    let sum = 0;
    for (const { moves } of this.#lanes.values()) sum += moves;
    return sum;
  }

  /** A task that has not ended. */
  task(id: string): MemoryTask | undefined {
    return this.#tasks.get(id);
  }

  /** The tasks of a priority. */
  lane(priority: string): Lane {
    let lane = this.#lanes.get(priority);
    if (!lane) this.#lanes.set(priority, lane = new Lane(priority));
    return lane;
  }

  /** The tasks of all priorities. */
  get lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** Whether a task is there, or has ended. */
  known(id: string): "exists" | "done" | undefined {
    if (this.#tasks.has(id)) return "exists";
    return this.results.has(id) ? "done" : undefined;
  }

  /** Stores a task, which has no place yet. */
  add({ id, data, priority }: Pick<NewTask, "id" | "data" | "priority">): MemoryTask {
    const task = new MemoryTask(id, storedPayload(data), this.lane(priority));
    this.#tasks.set(id, task);
    this.budget.add(1, task.data.length);
    return task;
  }

  /** Queues a task that waits for no other, or lets it wait for its time. */
  ready(task: MemoryTask, due: number | Date | undefined): void {
    const now = this.clock.now();
    const time = due === undefined ? now : this.timeOf(due, now);
    if (time > now) this.delay(task, time);
    else this.enqueue(task, now);
  }

  /** Queues a task, ready since a time, behind all others. */
  enqueue(task: MemoryTask, since: number): void {
    task.lane.move(task, "gone");
    task.sequence = ++this.#sequence;
    task.deliveries = 0;
    task.enqueueTime = since;
    task.lane.move(task, "queued");
    this.#rouse(task.lane);
  }

  /** Lets a task wait for its time, even if that has come. */
  delay(task: MemoryTask, time: number): void {
    task.lane.move(task, "gone");
    task.sequence = ++this.#sequence;
    task.dueTime = time;
    task.lane.move(task, "delayed");
    if (this.lane(task.lane.priority).delayed.peek() !== task) return;
    this.events.emit({ kind: "due", ms: Math.max(0, time - this.clock.now()) });
  }

  /** When something is due, in Unix milliseconds. */
  timeOf(due: number | Date, now: number = this.clock.now()): number {
    return due instanceof Date ? due.getTime() : now + due;
  }

  /** Ends a task wherever it is. */
  end(task: MemoryTask, end: End, allowance: Allowance = { left: 0 }): void {
    this.#remove(task);
    this.results.store(task.id, end);
    this.dependencies.ended(task, end.failedId, allowance);
  }

  /** Removes a task as if it had never been there; those that depend on it fail. */
  withdraw(task: MemoryTask): void {
    this.#remove(task);
    this.results.settle(task.id, null);
    this.dependencies.ended(task, task.id, { left: 0 });
  }

  /** Lets somebody sleep until a task is queued; answers how to stop that. */
  sleep(sleeper: Sleeper): () => void {
    this.#sleepers.add(sleeper);
    return () => void this.#sleepers.delete(sleeper);
  }

  /** Where a task is in its life. */
  state(id: string): State {
    const task = this.#tasks.get(id);
    if (!task) return this.results.has(id) ? "done" : "missing";
    if (task.place === "waiting" || task.place === "delayed") return "scheduled";
    return task.run ? "running" : "queued";
  }

  /** What is stored of a task. */
  describe(task: MemoryTask, { relatives, binary }: { relatives: number; binary: boolean }): Found {
    const state = this.state(task.id) as Found["state"];
    const dependents = function* () {
      for (const { id } of task.links?.dependents ?? []) yield id;
    };
    return {
      taskId: task.id,
      data: readPayload(task.data, binary),
      tries: task.tries + (state === "running" ? 1 : 0),
      state,
      dueTime: task.place === "delayed" ? task.dueTime : null,
      dependencies: first(task.links?.dependencies ?? [], relatives),
      dependents: first(dependents(), relatives),
    };
  }

  /** Wakes those that wait for tasks of a priority: whoever comes first gets them. */
  #rouse({ priority }: TaskLane): void {
    for (const sleeper of this.#sleepers) {
      if (!sleeper.priorities.includes(priority)) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }

  /** Takes a task out of wherever it is. */
  #remove(task: MemoryTask): void {
    this.dependencies.stopWaiting(task);
    // Who has leased it hears of it when it starts it.
    task.lane.move(task, task.place === "leased" && !task.run ? "dropped" : "gone");
    this.#tasks.delete(task.id);
    this.budget.add(-1, -task.data.length - (task.links?.input?.length ?? 0));
  }
}
