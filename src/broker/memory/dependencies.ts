import { Fifo } from "../../base/fifo.ts";
import type { FanOutReport } from "../contract/completing.ts";
import type { RecordReader } from "../contract/result.ts";
import type { EventBus } from "./event_bus.ts";
import type { MemoryTask } from "./memory_task.ts";
import type { End } from "./result_store.ts";

/** How many dependents one step tells. */
const fanOutLimit = 500;

/** Those that waited for a task that has ended, and how many of them were told. */
interface FanOut {
  readonly taskId: string;
  /** The task that has failed in the first place; `null` after a success. */
  readonly failedId: string | null;
  readonly dependents: readonly MemoryTask[];
  told: number;
}

/** The queue, as its dependencies see it. */
export interface DependencyQueue {
  readonly events: EventBus;
  /** A task that has not finished. */
  task(id: string): MemoryTask | undefined;
  /** Queues or delays a task that waits for no other. */
  ready(task: MemoryTask, due: number | Date | undefined): void;
  /** Finishes a task in any place. */
  end(task: MemoryTask, end: End): void;
}

/** How many dependents may be told in the same step in which tasks end. */
export interface Allowance {
  left: number;
}

/** An {@linkcode Allowance} for one step. */
export function newAllowance(): Allowance {
  return { left: fanOutLimit };
}

/** Tasks that wait for others. Whoever tells dependents goes on where others stopped. */
export class Dependencies {
  readonly #queue: DependencyQueue;
  readonly #fanOuts = new Fifo<FanOut>();

  constructor(queue: DependencyQueue) {
    this.#queue = queue;
  }

  /** Whether there are tasks that have ended whose dependents are still to be told. */
  get isListed(): boolean {
    return this.#fanOuts.size > 0;
  }

  /** Lets a task that is new wait for others. */
  wait(task: MemoryTask, dependencies: readonly MemoryTask[], due: number | Date | undefined): void {
    const { ties } = task;
    ties.due = due;
    ties.dependencies = new Set(dependencies.map(({ id }) => id));
    for (const { ties } of dependencies) (ties.dependents ??= new Set()).add(task);
    task.lane.move(task, "waiting");
  }

  /** Forgets whom a task waits for, which ends without them. */
  stopWaiting(task: MemoryTask): void {
    const { links } = task;
    if (!links?.dependencies) return;
    for (const id of links.dependencies) this.#queue.task(id)?.links?.dependents?.delete(task);
    links.dependencies = null;
  }

  /**
   * Tells those that wait for a task that it has ended, or lists them to be told.
   *
   * @param failedId The task that has failed in the first place; `null` after a success.
   */
  ended({ id, links }: MemoryTask, failedId: string | null, allowance: Allowance): void {
    const dependents = links?.dependents;
    if (!dependents || dependents.size === 0) return;
    if (failedId === null && dependents.size <= allowance.left) {
      allowance.left -= dependents.size;
      for (const dependent of dependents) this.#satisfy(dependent, id);
      return;
    }
    this.#fanOuts.push({ taskId: id, failedId, dependents: [...dependents], told: 0 });
    this.#queue.events.emit({ kind: "fan-out" });
  }

  /** Tells a bounded number of dependents. */
  tell(reader: RecordReader): FanOutReport {
    let [released, failed] = [0, 0];
    for (let left = fanOutLimit; left > 0; left--) {
      const fanOut = this.#fanOuts.peek();
      if (!fanOut) break;
      const dependent = fanOut.dependents[fanOut.told++]!;
      if (fanOut.told === fanOut.dependents.length) this.#fanOuts.shift();
      if (fanOut.failedId === null) released += Number(this.#satisfy(dependent, fanOut.taskId));
      else failed += Number(this.#fail(dependent, fanOut, fanOut.failedId, reader));
    }
    return { released, failed, unfinished: this.isListed };
  }

  /** Notes that a task has succeeded for which another waits, and queues that one after the last. */
  #satisfy(task: MemoryTask, dependency: string): boolean {
    const { place, links } = task;
    if (place !== "waiting" || !links?.dependencies?.delete(dependency) || links.dependencies.size > 0) return false;
    links.dependencies = null;
    this.#queue.ready(task, links.due);
    return true;
  }

  /** Ends a task that still waits for one that has failed. */
  #fail(task: MemoryTask, { taskId }: FanOut, failedId: string, reader: RecordReader): boolean {
    if (task.place !== "waiting" || !task.links?.dependencies?.has(taskId)) return false;
    const end = reader.failDependent(task.id, task.data, failedId);
    this.#queue.end(task, { ...end, failedId, by: "", deliveries: 0 });
    return true;
  }
}
