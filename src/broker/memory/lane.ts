import { Heap } from "../../base/heap.ts";
import { List } from "./list.ts";
import type { MemoryTask, Place, TaskLane } from "./memory_task.ts";

/** All tasks of one priority that have not ended, each in its place. */
export class Lane implements TaskLane {
  readonly priority: string;
  /** Those that wait for others. */
  readonly waiting: Set<MemoryTask> = new Set();
  /** Those that wait for their time, the earliest first. */
  readonly delayed: Heap<MemoryTask> = new Heap((a, b) => {
    return a.dueTime < b.dueTime || (a.dueTime === b.dueTime && a.sequence < b.sequence);
  });
  /** Those that nobody has ever leased. */
  readonly #fresh = new List<MemoryTask>();
  /** Those that are free again: all of them were queued before the fresh ones. */
  readonly #returned = new Heap<MemoryTask>((a, b) => a.sequence < b.sequence);
  /** Those in the hands of workers, by sequence; what was renewed longest ago comes first. */
  readonly #leased = new Map<number, MemoryTask>();
  #size = 0;
  #moves = 0;

  constructor(priority: string) {
    this.priority = priority;
  }

  /** How many are queued, leased or running. */
  get size(): number {
    return this.#size;
  }

  /** How often a task was moved. */
  get moves(): number {
    return this.#moves;
  }

  /** How many were leased and have not ended. */
  get pending(): number {
    return this.#leased.size + this.#returned.size;
  }

  /** Moves a task out of the place where it is into another one. */
  move(task: MemoryTask, place: Place): void {
    const stays = isInHands(task.place) && isInHands(place);
    if (!stays) this.#leave(task);
    this.#size += Number(isEntry(place)) - Number(isEntry(task.place));
    this.#moves++;
    task.place = place;
    if (!stays) this.#enter(task);
  }

  /** The first of those that nobody has ever leased. */
  get fresh(): MemoryTask | null {
    return this.#fresh.first;
  }

  /** Those that are free again, in order. */
  get returned(): Iterable<MemoryTask> {
    return this.#returned.inOrder();
  }

  /** All that is in the hands of workers; what was renewed longest ago comes first. */
  get leased(): Iterable<MemoryTask> {
    return this.#leased.values();
  }

  /** What is in the hands of a worker, by its sequence. */
  find(sequence: number): MemoryTask | undefined {
    return this.#leased.get(sequence);
  }

  /** Says that a lease was renewed, so that others run out before it. */
  renewed(task: MemoryTask): void {
    this.#leased.delete(task.sequence);
    this.#leased.set(task.sequence, task);
  }

  /** Those that no worker has started, in order. */
  *queued(): Generator<MemoryTask> {
    const old = this.#old().filter(({ place, run }) => place !== "dropped" && run === null);
    yield* old.sort((a, b) => a.sequence - b.sequence);
    yield* this.#fresh;
  }

  /** Those that run, or whose worker has died over them. */
  running(): MemoryTask[] {
    return this.#old().filter(({ place, run }) => place !== "dropped" && run !== null);
  }

  #old(): MemoryTask[] {
    return [...this.#leased.values(), ...this.#returned.inOrder()];
  }

  #leave(task: MemoryTask): void {
    switch (task.place) {
      case "waiting":
        return void this.waiting.delete(task);
      case "delayed":
        return this.delayed.remove(task);
      case "queued":
        return isFresh(task) ? this.#fresh.remove(task) : this.#returned.remove(task);
      case "leased":
      case "running":
      case "dropped":
        task.holder = null;
        this.#leased.delete(task.sequence);
    }
  }

  #enter(task: MemoryTask): void {
    switch (task.place) {
      case "waiting":
        return void this.waiting.add(task);
      case "delayed":
        return this.delayed.push(task);
      case "queued":
        return isFresh(task) ? this.#fresh.push(task) : this.#returned.push(task);
      case "leased":
      case "running":
      case "dropped":
        this.#leased.set(task.sequence, task);
    }
  }
}

function isFresh({ deliveries }: MemoryTask): boolean {
  return deliveries === 0;
}

function isEntry(place: Place): boolean {
  return place === "queued" || place === "leased" || place === "running";
}

function isInHands(place: Place): boolean {
  return place === "leased" || place === "running" || place === "dropped";
}
