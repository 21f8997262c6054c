import type { Payload } from "../contract/payload.ts";
import type { Heaped } from "../../base/heap.ts";
import type { Listed } from "./list.ts";

/**
 * Where a task is:
 *
 * - `waiting` for other tasks, or `delayed` until its time comes;
 * - `queued`, for any worker to take, whether it is new or was handed back;
 * - `leased` by a worker, and `running` when that has started it;
 * - `dropped`: it has ended, but the worker that has leased it does not know yet, and will not start it;
 * - `gone`, when it has ended, and before it comes anywhere.
 */
export type Place = "waiting" | "delayed" | "queued" | "leased" | "running" | "dropped" | "gone";

/** A run that has come to no end yet, or never will: then it was cut off with its worker. */
export interface Run {
  readonly holder: string;
  readonly deliveries: number;
  /** How many runs in a row were cut off before it. */
  readonly crashes: number;
}

/** What ties a task to others; most have none of it. */
export interface Links {
  /** The ids of those that it still waits for. */
  dependencies: Set<string> | null;
  /** Those that wait for it. */
  dependents: Set<MemoryTask> | null;
  /** Until when it waits, once it waits for no other. */
  due: number | Date | undefined;
  /** What was piped into it. */
  input: Payload | null;
}

/** The lane of a priority, as its tasks see it. */
export interface TaskLane {
  readonly priority: string;
  /** Moves a task out of the place where it is into another one. */
  move(task: MemoryTask, place: Place): void;
  /** Notes that a lease was renewed. */
  renewed(task: MemoryTask): void;
}

/** A task that has not finished. Its place changes in `move()` of its lane and nowhere else. */
export class MemoryTask implements Heaped, Listed<MemoryTask> {
  readonly id: string;
  data: Payload;
  readonly lane: TaskLane;
  place: Place = "gone";
  /** Its place in the order of all that was ever queued; another one each time that it is. */
  sequence = 0;
  /** How often it was leased since it was queued. */
  deliveries = 0;
  /** Who has leased it. */
  holder: string | null = null;
  /** When its lease was last renewed, by the monotonic clock. */
  leaseTime = 0;
  /** When it became ready to run, in Unix milliseconds. */
  enqueueTime = 0;
  /** When it is due, in Unix milliseconds. */
  dueTime = 0;
  /** How many runs were spent. */
  tries = 0;
  /** Whether it was handed back after it was started. */
  wasReleased = false;
  run: Run | null = null;
  links: Links | null = null;
  heapIndex = 0;
  before: MemoryTask | null = null;
  behind: MemoryTask | null = null;

  constructor(id: string, data: Payload, lane: TaskLane) {
    this.id = id;
    this.data = data;
    this.lane = lane;
  }

  /** Its {@linkcode Links}, made if there are none yet. */
  get ties(): Links {
    return this.links ??= { dependencies: null, dependents: null, due: undefined, input: null };
  }
}
