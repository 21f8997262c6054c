import type { Completion, Deferral, Misdelivery } from "../contract/completing.ts";
import type { Delivery, Read, Start } from "../contract/delivery.ts";
import type { WorkerStatus } from "../contract/membership.ts";
import { newAllowance } from "./dependencies.ts";
import type { Lane } from "./lane.ts";
import type { MemoryQueue } from "./memory_queue.ts";
import type { MemoryTask } from "./memory_task.ts";
import { readPayload, readPayloadOrNull, sizeOver } from "./payload.ts";

/** How many expired leases of a priority one step offers, besides those of quarantined tasks, which may be passed over. */
const expiredLimit = 10_000;

/** The run of a worker that holds leases. */
export interface Holder {
  /** Unique among all runs of all workers. */
  readonly name: string;
  /** The lanes that it reads, highest priority first. */
  readonly lanes: readonly Lane[];
  /** Whether it reads records as bytes. */
  readonly binary: boolean;
  /** The largest record that a start loads, in bytes. */
  readonly maxPayload?: number | undefined;
}

/** Options of {@linkcode Leases.takeOver}. */
export interface TakeoverOptions {
  readonly idleTimeout: number;
  readonly inFlight: Iterable<Delivery>;
  /** Number of quarantined tasks to take over at most. */
  readonly quarantined: number;
}

/**
 * The leases of one worker in a queue. A lease is the task together with its holder and its number of deliveries: a worker
 * that takes the task over raises the number, and the lease is lost.
 */
export class Leases {
  readonly #queue: MemoryQueue;
  readonly #holder: Holder;
  /** The tasks that the worker can run. */
  versions: WorkerStatus["versions"] = new Map();

  constructor(queue: MemoryQueue, holder: Holder) {
    this.#queue = queue;
    this.#holder = holder;
  }

  /** Leases up to `count` tasks that were never leased. */
  takeFresh(count: number): Delivery[] {
    const deliveries: Delivery[] = [];
    for (const lane of this.#holder.lanes) {
      for (let task = lane.fresh; task && deliveries.length < count; task = lane.fresh) {
        deliveries.push(this.#lease(task));
      }
    }
    return deliveries;
  }

  /**
   * Leases up to `count` tasks that were released or whose lease has expired, except those in `inFlight`: a worker must not
   * lease a task that it still runs, even after losing its lease.
   */
  takeOver(
    count: number,
    { idleTimeout, inFlight, quarantined }: TakeoverOptions,
  ): Pick<Read, "deliveries" | "unfinished" | "passedOver"> {
    const deliveries: Delivery[] = [];
    let [unfinished, passedOver, quota] = [false, false, quarantined];
    if (this.pending === 0) return { deliveries, unfinished, passedOver };
    const excluded = new Set(Array.from(inFlight, ({ entryId }) => Number(entryId)));
    for (const lane of this.#holder.lanes) {
      for (const task of this.#available(lane, count - deliveries.length + 1, idleTimeout, excluded)) {
        if (isQuarantined(task) && quota === 0) {
          passedOver = true;
        } else if (deliveries.length < count) {
          if (isQuarantined(task)) quota--;
          deliveries.push(this.#lease(task));
        } else {
          unfinished = true;
          break;
        }
      }
    }
    return { deliveries, unfinished, passedOver };
  }

  /** Marks a delivery as running. */
  start(delivery: Delivery): Start {
    const task = this.#findLeased(delivery);
    if (!task) return this.#hasEntry(delivery) ? "lost" : "ended";
    if (task.place === "dropped") {
      task.lane.move(task, "gone");
      return "ended";
    }
    // A run of another delivery was cut off with its worker: its try is spent.
    if (task.run && !this.#isRunOf(task, delivery)) task.tries++;
    if (!task.run || !this.#isRunOf(task, delivery)) {
      const crashes = task.run ? task.run.crashes + 1 : 0;
      task.run = { holder: this.#holder.name, deliveries: delivery.deliveries, crashes };
    }
    task.lane.move(task, "running");
    const { tries, wasReleased, data, links, run: { crashes } } = task;
    const size = sizeOver(data, this.#holder.maxPayload ?? Infinity);
    return {
      tries: tries + 1,
      data: size === null ? readPayload(data, this.#holder.binary) : null,
      size,
      time: this.#queue.clock.now(),
      isFirst: tries === 0 && !wasReleased && crashes === 0,
      crashes,
      input: readPayloadOrNull(links?.input ?? null, this.#holder.binary),
    };
  }

  /** Stores results; `false` where the task has finished already or another worker holds the lease. */
  finish(completions: readonly Completion[]): boolean[] {
    const allowance = newAllowance();
    return completions.map(({ delivery, success, result, ttl, keep, output }) => {
      const { taskId, entryId, deliveries } = delivery;
      const task = this.#queue.task(taskId);
      const by = { failedId: success ? null : taskId, by: entryId, deliveries };
      // A success counts from whichever worker comes first, a failure only from the holder of the lease.
      const counts = task && (success ? isEntry(task, delivery) : this.#findLeased(delivery) === task);
      if (!counts) return this.#queue.results.isFinishedBy(taskId, by);
      if (success && output) this.#queue.pipe(task, output);
      // Otherwise the task would stay, dropped, until this worker starts it.
      if (task.place === "leased") task.lane.move(task, "running");
      this.#queue.finish(task, { result, ttl, keep, ...by }, allowance);
      return true;
    });
  }

  /** Puts a task back to be tried again later; answers like {@linkcode Leases.finish}. */
  retry({ delivery, tries, until }: Deferral): boolean {
    const task = this.#findLeased(delivery);
    // A repeated call is recognised by its lease, even if the task was started again or has finished since.
    if (!task || task.place === "dropped") return this.#queue.retriedLease(delivery.taskId) === leaseOf(delivery);
    task.retriedLease = leaseOf(delivery);
    [task.tries, task.wasReleased, task.run] = [tries, false, null];
    this.#queue.delay(task, this.#queue.timeOf(until));
    return true;
  }

  /** Releases deliveries at the cost of no try. The next start of a delivery that ran is not reported as the first one. */
  release(deliveries: readonly Delivery[]): void {
    let isReleased = false;
    for (const delivery of deliveries) {
      const task = this.#findLeased(delivery);
      if (!task) continue;
      isReleased = true;
      if (this.#isRunOf(task, delivery)) {
        task.run = null;
        task.wasReleased = true;
      }
      this.#release(task);
    }
    if (isReleased) this.#queue.events.emit({ kind: "released" });
  }

  /**
   * Releases all leases of this worker.
   *
   * @param ran Deliveries that ran and whose outcome could not be stored: their try is spent.
   */
  releaseAll(ran: readonly Delivery[]): void {
    const spent = new Set(ran.map(({ taskId }) => taskId));
    let isReleased = false;
    for (const lane of this.#queue.lanes) {
      const own = Array.from(lane.inFlight).filter(({ holder }) => holder === this.#holder.name);
      for (const task of own) {
        isReleased = true;
        // It was marked as running, but its function was never called.
        if (!spent.has(task.id) && this.#isRunOf(task, task)) task.run = null;
        this.#release(task);
      }
    }
    if (isReleased) this.#queue.events.emit({ kind: "released" });
  }

  /** Extends leases; returns those that are lost, and those whose task was aborted. */
  renew(deliveries: readonly Delivery[]): { lost: Delivery[]; aborted: Delivery[] } {
    const time = this.#queue.clock.monotonic();
    const [lost, aborted]: [Delivery[], Delivery[]] = [[], []];
    for (const delivery of deliveries) {
      const task = this.#findLeased(delivery);
      if (!task) {
        (this.#queue.results.isAborted(delivery.taskId) ? aborted : lost).push(delivery);
        continue;
      }
      task.leaseTime = time;
      task.lane.markRenewed(task);
    }
    return { lost, aborted };
  }

  /** Releases deliveries for workers that have registered their task; `false` where no living worker has. */
  handOver(misdeliveries: readonly Misdelivery[]): boolean[] {
    let isReleased = false;
    const answers = misdeliveries.map(({ delivery, ...requirement }) => {
      const task = this.#findLeased(delivery);
      if (!task) return true;
      if (!this.#queue.liveWorkers.hasRegistered(requirement)) return false;
      if (this.#isRunOf(task, delivery)) task.run = null;
      task.reservedFor = requirement;
      this.#release(task);
      return isReleased = true;
    });
    if (isReleased) this.#queue.events.emit({ kind: "released" });
    return answers;
  }

  /** Number of tasks in the lanes of this worker that were leased and have not finished. */
  get pending(): number {
    return this.#holder.lanes.reduce((sum, { pending }) => sum + pending, 0);
  }

  #lease(task: MemoryTask): Delivery {
    const { lane, sequence, enqueueTime } = task;
    const isTakenOver = task.holder !== null;
    lane.move(task, "leased");
    task.reservedFor = null;
    task.holder = this.#holder.name;
    task.leaseTime = this.#queue.clock.monotonic();
    if (isTakenOver) lane.markRenewed(task);
    return {
      taskId: task.id,
      priority: lane.priority,
      entryId: String(sequence),
      deliveries: ++task.deliveries,
      isQuarantined: isQuarantined(task),
      enqueueTime,
    };
  }

  /**
   * Returns tasks whose lease has expired, and tasks that were released, at most `limit` of which are not quarantined; all
   * in the order of the queue.
   */
  #available(lane: Lane, limit: number, idleTimeout: number, excluded: ReadonlySet<number>): MemoryTask[] {
    const { clock, liveWorkers } = this.#queue;
    const latest = clock.monotonic() - idleTimeout;
    const available: MemoryTask[] = [];
    let [left, found] = [limit, 0];
    for (const task of lane.released) {
      if (excluded.has(task.sequence) || liveWorkers.isReserved(task.reservedFor, this.versions)) continue;
      available.push(task);
      if (!isQuarantined(task) && --left === 0) break;
    }
    for (const task of lane.inFlight) {
      if (task.leaseTime > latest || found === expiredLimit) break;
      if (task.place === "dropped") lane.move(task, "gone");
      if (task.place === "gone" || excluded.has(task.sequence)) continue;
      available.push(task);
      if (!isQuarantined(task)) found++;
    }
    return available.sort((a, b) => a.sequence - b.sequence);
  }

  /** Queues a task again in its old position, for any worker to take over. */
  #release(task: MemoryTask): void {
    task.lane.move(task, task.place === "dropped" ? "gone" : "queued");
  }

  /** Returns the task of a delivery if this worker still holds its lease. */
  #findLeased({ priority, entryId, deliveries }: Delivery): MemoryTask | undefined {
    const task = this.#queue.lane(priority).find(Number(entryId));
    return task?.holder === this.#holder.name && task.deliveries === deliveries ? task : undefined;
  }

  /** Whether the entry of a delivery still exists. It is gone when its task has finished, or when it was dropped. */
  #hasEntry({ taskId, priority, entryId }: Delivery): boolean {
    return isEntry(this.#queue.task(taskId), { entryId }) || !!this.#queue.lane(priority).find(Number(entryId));
  }

  /** Whether the latest run of a task belongs to this delivery to this worker. */
  #isRunOf({ run }: MemoryTask, { deliveries }: { readonly deliveries: number }): boolean {
    return run?.holder === this.#holder.name && run.deliveries === deliveries;
  }
}

/** Whether the last two runs were cut off with their workers, so that the task may be what killed them. */
function isQuarantined({ run }: MemoryTask): boolean {
  return run !== null && run.crashes > 0;
}

/** Identifies the lease of a delivery among all leases of its task. */
function leaseOf({ entryId, deliveries }: Delivery): string {
  return `${entryId} ${deliveries}`;
}

/** Whether a task was not queued anew since this delivery, whichever worker has leased it now. */
function isEntry(task: MemoryTask | undefined, { entryId }: Pick<Delivery, "entryId">): task is MemoryTask {
  if (task?.sequence !== Number(entryId)) return false;
  return task.place === "queued" || task.place === "leased" || task.place === "running";
}
