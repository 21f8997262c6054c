import type { Clock } from "../../base/clock.ts";
import type { WorkerStatus } from "../contract/membership.ts";

/** A worker and its last heartbeat. */
interface LiveWorker {
  readonly idleTimeout: number;
  /** Until when it counts as living, by the monotonic clock. */
  readonly until: number;
  readonly versions: WorkerStatus["versions"];
}

/** A task as a worker must have registered it: in this version, or a later one. */
export interface Requirement {
  readonly fnName: string;
  readonly version: number;
}

/** The living workers of a queue: those that sent a heartbeat within their idle timeout. */
export class LiveWorkers {
  readonly #clock: Clock;
  /** By id. */
  readonly #workers = new Map<string, LiveWorker>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records a heartbeat. */
  heartbeat({ workerId, versions }: WorkerStatus, idleTimeout: number): void {
    this.#workers.set(workerId, { idleTimeout, until: this.#clock.monotonic() + idleTimeout, versions });
  }

  /** Whether a living worker has registered a task. */
  hasRegistered(task: Requirement): boolean {
    this.removeExpired();
    for (const { versions } of this.#workers.values()) if (fulfils(versions, task)) return true;
    return false;
  }

  /** Whether a worker with these versions has to leave a task to others, of which a living one has registered it. */
  isReserved(task: Requirement | null, versions: WorkerStatus["versions"]): boolean {
    return task !== null && !fulfils(versions, task) && this.hasRegistered(task);
  }

  /** Removes a worker that has left. */
  remove(workerId: string): void {
    this.#workers.delete(workerId);
  }

  /** Returns the largest idle timeout of the living workers, and at least `own`. */
  longestTimeout(own: number): number {
    this.removeExpired();
    let longest = own;
    for (const { idleTimeout } of this.#workers.values()) longest = Math.max(longest, idleTimeout);
    return longest;
  }

  /** Removes workers that are no longer living. */
  removeExpired(): void {
    const time = this.#clock.monotonic();
    for (const [id, { until }] of this.#workers) if (until <= time) this.#workers.delete(id);
  }
}

/** Whether a worker with these versions can run a task. */
function fulfils(versions: WorkerStatus["versions"], { fnName, version }: Requirement): boolean {
  return (versions.get(fnName) ?? 0) >= version;
}
