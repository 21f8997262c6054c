import type { Heaped } from "../../base/heap.ts";
import type { Payload } from "../contract/payload.ts";
import type { Linked } from "./linked_list.ts";
import type { Requirement } from "./live_workers.ts";

/**
 * Where a task is:
 *
 * - `waiting` for its dependencies, or `delayed` until it is due;
 * - `queued`: any worker may take it, whether it is new or was released;
 * - `leased` by a worker, then `running` once that worker has started it;
 * - `dropped`: it was finished while a worker had leased it but not started it; that worker is still to be answered;
 * - `gone`: it has finished, or it is between two places.
 */
export type Place = "waiting" | "delayed" | "queued" | "leased" | "running" | "dropped" | "gone";

/** The latest run of a task: in progress, or cut off together with its worker. */
export interface Run {
  readonly holder: string;
  readonly deliveries: number;
  /** How many runs in a row were cut off before this one. */
  readonly crashes: number;
}

/** Relations of a task to other tasks. Most tasks have none. */
export interface Links {
  /** Ids of the dependencies that have not succeeded yet. */
  dependencies: Set<string> | null;
  dependents: Set<MemoryTask> | null;
  /** When the task is due once its dependencies are done. */
  due: number | Date | undefined;
  /** The input piped into the task. */
  input: Payload | null;
}

/** The part of a priority's lane that its tasks use. */
export interface TaskLane {
  readonly priority: string;
  /** Moves a task from its place to another one. */
  move(task: MemoryTask, place: Place): void;
  /** Moves a leased task behind all others, since its lease is now the latest to expire. */
  markRenewed(task: MemoryTask): void;
}

/** An unfinished task. Its place is changed by `move()` of its lane and nowhere else. */
export class MemoryTask implements Heaped, Linked<MemoryTask> {
  readonly id: string;
  data: Payload;
  readonly lane: TaskLane;
  place: Place = "gone";
  /** Position in the order of the queue; a new one each time that the task is queued or delayed. */
  sequence = 0;
  /** How often the task was leased since it was queued. */
  deliveries = 0;
  /** Name of the worker that has leased the task. */
  holder: string | null = null;
  /** The task and version that a worker must have registered to take it over; `null` for any worker. */
  reservedFor: Requirement | null = null;
  /** When the lease was last renewed, by the monotonic clock. */
  leaseTime = 0;
  /** When the task became ready to run, in Unix milliseconds. */
  enqueueTime = 0;
  /** When the task is due, in Unix milliseconds. */
  dueTime = 0;
  /** How many tries are spent. */
  tries = 0;
  /** The lease whose holder delayed the task until its next try; `null` for none. */
  retriedLease: string | null = null;
  /** Whether the task was released after it was started. */
  wasReleased = false;
  run: Run | null = null;
  links: Links | null = null;
  heapIndex = 0;
  previous: MemoryTask | null = null;
  next: MemoryTask | null = null;

  constructor(id: string, data: Payload, lane: TaskLane) {
    this.id = id;
    this.data = data;
    this.lane = lane;
  }

  /** Returns the {@linkcode Links} of the task, created if it has none. */
  ensureLinks(): Links {
    return this.links ??= { dependencies: null, dependents: null, due: undefined, input: null };
  }
}
