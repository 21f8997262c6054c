import type { Activity, Clock } from "../../base/clock.ts";
import type { Payload } from "../contract/payload.ts";
import type { Found, NewTask, State } from "../contract/task.ts";
import { Budget } from "./budget.ts";
import { type Allowance, Dependencies, type DependencyQueue } from "./dependencies.ts";
import { EventBus } from "./event_bus.ts";
import { FailureStore } from "./failure_store.ts";
import { Lane } from "./lane.ts";
import { LiveWorkers } from "./live_workers.ts";
import { LockStore } from "./lock_store.ts";
import { MemoryTask, type TaskLane } from "./memory_task.ts";
import { NextTurn } from "./next_turn.ts";
import { readPayload, storedPayload } from "./payload.ts";
import { type Outcome, ResultStore } from "./result_store.ts";
import { type ScheduleQueue, ScheduleStore } from "./schedule_store.ts";
import { take } from "./take.ts";

/** A worker that waits for a task of some priorities to be queued. */
export interface IdleWorker {
  readonly priorities: readonly string[];
  wake(): void;
}

/**
 * The whole state of one queue. Every change of a task's state is one synchronous function, so no caller ever sees a
 * change half made. Leases are the subject of {@linkcode Leases}.
 */
export class MemoryQueue implements Activity, DependencyQueue, ScheduleQueue {
  readonly clock: Clock;
  readonly budget: Budget;
  readonly results: ResultStore;
  readonly failures: FailureStore;
  readonly dependencies: Dependencies;
  readonly schedules: ScheduleStore;
  readonly locks: LockStore;
  readonly liveWorkers: LiveWorkers;
  readonly events: EventBus = new EventBus();
  readonly turn: NextTurn = new NextTurn();
  readonly #tasks = new Map<string, MemoryTask>();
  readonly #lanes = new Map<string, Lane>();
  readonly #idleWorkers = new Set<IdleWorker>();
  #sequence = 0;

  constructor(clock: Clock, budget: Budget = new Budget()) {
    this.clock = clock;
    this.budget = budget;
    this.results = new ResultStore(clock, budget);
    this.failures = new FailureStore(clock, budget);
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

  /** Returns an unfinished task. */
  task(id: string): MemoryTask | undefined {
    return this.#tasks.get(id);
  }

  /** Returns the lane of a priority, created if it does not exist. */
  lane(priority: string): Lane {
    let lane = this.#lanes.get(priority);
    if (!lane) this.#lanes.set(priority, lane = new Lane(priority));
    return lane;
  }

  /** The lanes of all priorities. */
  get lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** Returns `exists` for an unfinished task, and `done` for one that has finished. */
  existing(id: string): "exists" | "done" | undefined {
    if (this.#tasks.has(id)) return "exists";
    return this.results.has(id) ? "done" : undefined;
  }

  /** Stores a task that is in no place yet. */
  add({ id, data, priority }: Pick<NewTask, "id" | "data" | "priority">): MemoryTask {
    const task = new MemoryTask(id, storedPayload(data), this.lane(priority));
    this.#tasks.set(id, task);
    this.budget.add(1, task.data.length);
    return task;
  }

  /** Queues a task whose dependencies are done, or delays it until it is due. */
  enqueueOrDelay(task: MemoryTask, due: number | Date | undefined): void {
    const now = this.clock.now();
    const time = due === undefined ? now : this.timeOf(due, now);
    if (time > now) this.delay(task, time);
    else this.enqueue(task, now);
  }

  /** Queues a task behind all others. `readyTime` is when it became ready to run, in Unix milliseconds. */
  enqueue(task: MemoryTask, readyTime: number): void {
    task.lane.move(task, "gone");
    task.sequence = ++this.#sequence;
    task.deliveries = 0;
    task.enqueueTime = readyTime;
    task.lane.move(task, "queued");
    this.#wakeIdleWorkers(task.lane);
  }

  /** Delays a task, even if `time` has passed: then the next promotion queues it. */
  delay(task: MemoryTask, time: number): void {
    task.lane.move(task, "gone");
    task.sequence = ++this.#sequence;
    task.dueTime = time;
    task.lane.move(task, "delayed");
    if (this.lane(task.lane.priority).delayed.peek() !== task) return;
    this.events.emit({ kind: "due", ms: Math.max(0, time - this.clock.now()) });
  }

  /** Converts a due time, or a delay in milliseconds, to Unix milliseconds. */
  timeOf(due: number | Date, now: number = this.clock.now()): number {
    return due instanceof Date ? due.getTime() : now + due;
  }

  /** Finishes a task in any place. */
  finish(task: MemoryTask, outcome: Outcome, allowance: Allowance = { left: 0 }): void {
    this.#remove(task);
    this.keepOrDrop(task, task.lane.priority, outcome, task.links?.input);
    this.results.store(task.id, outcome, task.retriedLease);
    this.dependencies.settleDependents(task, outcome.failedId, allowance);
  }

  /** Keeps the failure of a task, or drops that of an earlier task with its id. */
  keepOrDrop(
    { id, data }: Pick<NewTask, "id" | "data">,
    priority: string,
    { keep = 0, failedId, blocker, result }: Pick<Outcome, "keep" | "failedId" | "blocker" | "result">,
    input: Payload | null = null,
  ): void {
    // A task that failed with another one comes back with that one, so that one must be there.
    const isKept = keep > 0 && failedId !== null && (failedId === id || this.failures.get(failedId) !== undefined);
    if (!isKept) return void this.failures.drop(id);
    const failedWith = failedId === id ? null : failedId;
    const causes = { failedWith, blocker: blocker ?? failedWith };
    const payloads = { data, input, result: storedPayload(result) };
    this.failures.keep({ taskId: id, priority, ...causes, ...payloads }, keep);
  }

  /** Removes a task as if it had never been stored; its dependents fail. */
  withdraw(task: MemoryTask): void {
    this.#remove(task);
    this.results.notify(task.id, null);
    this.dependencies.settleDependents(task, task.id, { left: 0 });
  }

  /** Stores the output of a task as the input of the next one, if that one still waits for it. */
  pipe({ id }: MemoryTask, { next, input }: { readonly next: string; readonly input: Payload }): void {
    const task = this.#tasks.get(next);
    if (task?.links?.dependencies?.has(id)) this.setInput(task, storedPayload(input));
  }

  /** Stores the input of a task. */
  setInput(task: MemoryTask, input: Payload): void {
    const links = task.ensureLinks();
    this.budget.add(0, input.length - (links.input?.length ?? 0));
    links.input = input;
  }

  /** Wakes a worker, once, when a task of its priorities is queued; returns a function that stops this. */
  addIdleWorker(worker: IdleWorker): () => void {
    this.#idleWorkers.add(worker);
    return () => void this.#idleWorkers.delete(worker);
  }

  /** Returns the lease whose holder last delayed a task until its next try, even if the task has finished since. */
  retriedLease(id: string): string | null {
    return this.#tasks.get(id)?.retriedLease ?? this.results.outcome(id)?.retriedLease ?? null;
  }

  /** Returns the state of a task. */
  state(id: string): State {
    const task = this.#tasks.get(id);
    if (!task) return this.results.has(id) ? "done" : "missing";
    if (task.place === "waiting" || task.place === "delayed") return "scheduled";
    return task.run ? "running" : "queued";
  }

  /** Returns the stored data of a task, with at most `relatives` dependencies and as many dependents. */
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
      dependencies: take(task.links?.dependencies ?? [], relatives),
      dependents: take(dependents(), relatives),
    };
  }

  /** Wakes all idle workers that read a lane; the first to read it leases the task. */
  #wakeIdleWorkers({ priority }: TaskLane): void {
    for (const worker of this.#idleWorkers) {
      if (!worker.priorities.includes(priority)) continue;
      this.#idleWorkers.delete(worker);
      worker.wake();
    }
  }

  /** Removes a task from any place. */
  #remove(task: MemoryTask): void {
    this.dependencies.detach(task);
    // The worker that has leased it is answered `ended` when it starts it.
    task.lane.move(task, task.place === "leased" && !task.run ? "dropped" : "gone");
    this.#tasks.delete(task.id);
    this.budget.add(-1, -task.data.length - (task.links?.input?.length ?? 0));
  }
}
