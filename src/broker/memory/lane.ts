import { Heap } from "../../base/heap.ts";
import { LinkedList } from "./linked_list.ts";
import type { MemoryTask, Place, TaskLane } from "./memory_task.ts";

/** The unfinished tasks of one priority, sorted by place. */
export class Lane implements TaskLane {
  readonly priority: string;
  /** Tasks that wait for their dependencies. */
  readonly waiting: Set<MemoryTask> = new Set();
  /** Delayed tasks, the next due first. */
  readonly delayed: Heap<MemoryTask> = new Heap((a, b) => {
    return a.dueTime < b.dueTime || (a.dueTime === b.dueTime && a.sequence < b.sequence);
  });
  /** Queued tasks that were never leased. */
  readonly #fresh = new LinkedList<MemoryTask>();
  /** Queued tasks that were released; all of them come before the fresh ones. */
  readonly #released = new Heap<MemoryTask>((a, b) => a.sequence < b.sequence);
  /** Tasks in flight, by sequence; the longest without a renewal first. */
  readonly #inFlight = new Map<number, MemoryTask>();
  #size = 0;
  #moves = 0;

  constructor(priority: string) {
    this.priority = priority;
  }

  /** Number of tasks that are queued, leased or running. */
  get size(): number {
    return this.#size;
  }

  /** How often a task was moved. */
  get moves(): number {
    return this.#moves;
  }

  /** Number of tasks that were leased and have not finished. */
  get pending(): number {
    return this.#inFlight.size + this.#released.size;
  }

  /** See {@linkcode TaskLane.move}. */
  move(task: MemoryTask, place: Place): void {
    const staysInFlight = isInFlight(task.place) && isInFlight(place);
    if (!staysInFlight) this.#leave(task);
    this.#size += Number(isEntry(place)) - Number(isEntry(task.place));
    this.#moves++;
    task.place = place;
    if (!staysInFlight) this.#enter(task);
  }

  /** The first task that was never leased. */
  get fresh(): MemoryTask | null {
    return this.#fresh.first;
  }

  /** Released tasks, in the order of the queue. */
  get released(): Iterable<MemoryTask> {
    return this.#released.inOrder();
  }

  /** Tasks in flight, the longest without a renewal first. */
  get inFlight(): Iterable<MemoryTask> {
    return this.#inFlight.values();
  }

  /** Returns the task in flight that has a sequence. */
  find(sequence: number): MemoryTask | undefined {
    return this.#inFlight.get(sequence);
  }

  /** See {@linkcode TaskLane.markRenewed}. */
  markRenewed(task: MemoryTask): void {
    this.#inFlight.delete(task.sequence);
    this.#inFlight.set(task.sequence, task);
  }

  /** Iterates over the tasks that no worker has started, in the order of the queue. */
  *queued(): Generator<MemoryTask> {
    const pending = this.#pending().filter(({ place, run }) => place !== "dropped" && run === null);
    yield* pending.sort((a, b) => a.sequence - b.sequence);
    yield* this.#fresh;
  }

  /** Returns the tasks that run or whose run was cut off. */
  running(): MemoryTask[] {
    return this.#pending().filter(({ place, run }) => place !== "dropped" && run !== null);
  }

  #pending(): MemoryTask[] {
    return [...this.#inFlight.values(), ...this.#released.inOrder()];
  }

  #leave(task: MemoryTask): void {
    switch (task.place) {
      case "waiting":
        return void this.waiting.delete(task);
      case "delayed":
        return this.delayed.remove(task);
      case "queued":
        return isFresh(task) ? this.#fresh.remove(task) : this.#released.remove(task);
      case "leased":
      case "running":
      case "dropped":
        task.holder = null;
        this.#inFlight.delete(task.sequence);
    }
  }

  #enter(task: MemoryTask): void {
    switch (task.place) {
      case "waiting":
        return void this.waiting.add(task);
      case "delayed":
        return this.delayed.push(task);
      case "queued":
        return isFresh(task) ? this.#fresh.push(task) : this.#released.push(task);
      case "leased":
      case "running":
      case "dropped":
        this.#inFlight.set(task.sequence, task);
    }
  }
}

function isFresh({ deliveries }: MemoryTask): boolean {
  return deliveries === 0;
}

function isEntry(place: Place): boolean {
  return place === "queued" || place === "leased" || place === "running";
}

function isInFlight(place: Place): boolean {
  return place === "leased" || place === "running" || place === "dropped";
}
