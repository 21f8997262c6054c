import { Fifo } from "../../base/fifo.ts";
import type { FanOutReport } from "../contract/completing.ts";
import type { RecordReader } from "../contract/result.ts";
import type { EventBus } from "./event_bus.ts";
import type { MemoryTask } from "./memory_task.ts";
import type { Outcome } from "./result_store.ts";

/** Number of dependents that one step releases or fails at most. */
const fanOutLimit = 500;

/** The dependents of a finished task that are still to be released or failed. */
interface FanOut {
  readonly taskId: string;
  /** The task that failed first, possibly several levels above; `null` after a success. */
  readonly failedId: string | null;
  readonly dependents: MemoryTask[];
  /** Index of the next dependent. */
  next: number;
}

/** The part of the queue that its dependencies use. */
export interface DependencyQueue {
  readonly events: EventBus;
  /** Returns an unfinished task. */
  task(id: string): MemoryTask | undefined;
  /** Queues a task whose dependencies are done, or delays it until it is due. */
  enqueueOrDelay(task: MemoryTask, due: number | Date | undefined): void;
  /** Finishes a task in any place. */
  finish(task: MemoryTask, outcome: Outcome): void;
}

/** Number of dependents that may still be released in the step that finishes their dependencies. */
export interface Allowance {
  left: number;
}

/** Creates the {@linkcode Allowance} of one step. */
export function newAllowance(): Allowance {
  return { left: fanOutLimit };
}

/**
 * The dependencies between tasks. When a task finishes, a few dependents are released in the same step; more of them, and
 * the dependents of a failed task, are listed for a fan-out, which any worker or broker may run.
 */
export class Dependencies {
  readonly #queue: DependencyQueue;
  readonly #fanOuts = new Fifo<FanOut>();
  /** The latest of each task. */
  readonly #fanOutsById = new Map<string, FanOut>();

  constructor(queue: DependencyQueue) {
    this.#queue = queue;
  }

  /** Whether dependents of finished tasks are listed for a fan-out. */
  get isListed(): boolean {
    return this.#fanOuts.size > 0;
  }

  /** Defers a new task until its dependencies have succeeded. */
  defer(task: MemoryTask, dependencies: readonly MemoryTask[], due: number | Date | undefined): void {
    const links = task.ensureLinks();
    links.due = due;
    links.dependencies = new Set(dependencies.map(({ id }) => id));
    for (const dependency of dependencies) (dependency.ensureLinks().dependents ??= new Set()).add(task);
    task.lane.move(task, "waiting");
  }

  /** Removes a task that finishes before its dependencies from their dependents. */
  detach(task: MemoryTask): void {
    const { links } = task;
    if (!links?.dependencies) return;
    for (const id of links.dependencies) this.#queue.task(id)?.links?.dependents?.delete(task);
    links.dependencies = null;
  }

  /**
   * Releases the dependents of a finished task as far as the allowance goes, or lists them for a fan-out.
   *
   * @param failedId The task that failed first, possibly several levels above; `null` after a success.
   */
  settleDependents({ id, links }: MemoryTask, failedId: string | null, allowance: Allowance): void {
    const dependents = links?.dependents;
    if (!dependents || dependents.size === 0) return;
    if (failedId === null && dependents.size <= allowance.left) {
      allowance.left -= dependents.size;
      for (const dependent of dependents) this.#release(dependent, id);
      return;
    }
    const fanOut = { taskId: id, failedId, dependents: [...dependents], next: 0 };
    this.#fanOuts.push(fanOut);
    this.#fanOutsById.set(id, fanOut);
    this.#queue.events.emit({ kind: "fan-out" });
  }

  /** Lets the dependents that are still to fail with a task wait for it instead, as it is queued again. */
  recall(task: MemoryTask): void {
    const left = this.#fanOutsById.get(task.id);
    // Those of a success of an earlier task with this id are still released.
    if (!left || left.failedId === null) return;
    this.#fanOutsById.delete(task.id);
    for (const dependent of left.dependents.splice(left.next)) {
      if (!isWaitingFor(dependent, task.id)) continue;
      (task.ensureLinks().dependents ??= new Set()).add(dependent);
    }
  }

  /** Releases or fails a bounded number of listed dependents. */
  fanOut(reader: RecordReader): FanOutReport {
    let [released, failed] = [0, 0];
    for (let left = fanOutLimit; left > 0; left--) {
      const fanOut = this.#fanOuts.peek();
      if (!fanOut) break;
      const dependent = fanOut.dependents[fanOut.next++];
      if (fanOut.next >= fanOut.dependents.length) this.#remove(fanOut);
      if (!dependent) continue;
      if (fanOut.failedId === null) released += Number(this.#release(dependent, fanOut.taskId));
      else failed += Number(this.#fail(dependent, fanOut, fanOut.failedId, reader));
    }
    return { released, failed, unfinished: this.isListed };
  }

  /** Removes a succeeded dependency from a task, and queues the task if it was the last; returns whether it was. */
  #release(task: MemoryTask, dependency: string): boolean {
    const { place, links } = task;
    if (place !== "waiting" || !links?.dependencies?.delete(dependency) || links.dependencies.size > 0) return false;
    links.dependencies = null;
    this.#queue.enqueueOrDelay(task, links.due);
    return true;
  }

  /** Fails a task that still waits for a dependency that failed; returns whether it did. */
  #fail(task: MemoryTask, { taskId }: FanOut, failedId: string, reader: RecordReader): boolean {
    if (!isWaitingFor(task, taskId)) return false;
    const result = reader.failDependent(task.id, task.data, failedId);
    this.#queue.finish(task, { ...result, failedId, blocker: taskId, by: "", deliveries: 0 });
    return true;
  }

  /** Removes the first fan-out, which is complete. */
  #remove(fanOut: FanOut): void {
    this.#fanOuts.shift();
    if (this.#fanOutsById.get(fanOut.taskId) === fanOut) this.#fanOutsById.delete(fanOut.taskId);
  }
}

function isWaitingFor({ place, links }: MemoryTask, dependency: string): boolean {
  return place === "waiting" && links?.dependencies?.has(dependency) === true;
}
