import type { Completion, Deferral } from "../contract/completing.ts";
import type { Delivery, Read, Start } from "../contract/delivery.ts";
import type { Payload } from "../contract/payload.ts";
import type { Promotion } from "../contract/scheduling.ts";
import { newAllowance } from "./dependencies.ts";
import type { Lane } from "./lane.ts";
import type { MemoryQueue } from "./memory_queue.ts";
import type { MemoryTask } from "./memory_task.ts";
import { readPayload, readPayloadOrNull, sizeOver, storedPayload } from "./payload.ts";

/** How many tasks one step promotes at most. */
const promoteLimit = 500;
/** How many leases that ran out, or are the worker's own, one step looks at. */
const staleLimit = 10_000;

/** What leases are taken for. */
export interface Holder {
  /** Unique among all runs of all workers. */
  readonly name: string;
  /** What it reads, highest priority first. */
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
  /** How many quarantined tasks to take at most. */
  readonly quarantined: number;
}

/** The leases that one worker has in a queue: each is a task, the worker, and the number of deliveries. */
export class Leases {
  readonly #queue: MemoryQueue;
  readonly #holder: Holder;

  constructor(queue: MemoryQueue, holder: Holder) {
    this.#queue = queue;
    this.#holder = holder;
  }

  /** Leases up to `count` tasks that nobody has leased yet. */
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
   * Leases up to `count` tasks that were released or whose lease has expired, but none in `inFlight`: a worker must not get
   * what it still runs, even after losing it.
   */
  takeOver(
    count: number,
    { idleTimeout, inFlight, quarantined }: TakeoverOptions,
  ): Pick<Read, "deliveries" | "unfinished" | "passedOver"> {
    const deliveries: Delivery[] = [];
    let [unfinished, passedOver, quota] = [false, false, quarantined];
    if (this.pending === 0) return { deliveries, unfinished, passedOver };
    const own = new Set(Array.from(inFlight, ({ entryId }) => Number(entryId)));
    for (const lane of this.#holder.lanes) {
      for (const task of this.#free(lane, count - deliveries.length + 1, idleTimeout, own)) {
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

  /** Notes that a delivery runs from now on. */
  start(delivery: Delivery): Start {
    const task = this.#held(delivery);
    // An entry is gone when its task has finished, or when it was dropped.
    if (!task) return this.#queue.lane(delivery.priority).find(Number(delivery.entryId)) ? "lost" : "ended";
    if (task.place === "dropped") {
      task.lane.move(task, "gone");
      return "ended";
    }
    // Another run is one that never came to an end: that try is spent.
    if (task.run && !this.#isRun(task, delivery)) task.tries++;
    if (!task.run || !this.#isRun(task, delivery)) {
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

  /** Stores ends; `false` where somebody else ended the task, or holds it. */
  finish(endings: readonly Completion[]): boolean[] {
    const allowance = newAllowance();
    return endings.map(({ delivery, success, result, ttl, output }) => {
      const { taskId, entryId, deliveries } = delivery;
      const task = this.#queue.task(taskId);
      const by = { failedId: success ? null : taskId, by: entryId, deliveries };
      // A success counts from whoever comes first, all else only from the holder of the lease.
      const counts = task && (success ? isEntry(task, delivery) : this.#held(delivery) === task);
      if (!counts) return this.#queue.results.isEndedBy(taskId, by);
      if (success && output) this.#pipe(task, output);
      // It is not told to start what it has just ended.
      if (task.place === "leased") task.lane.move(task, "running");
      this.#queue.end(task, { result, ttl, ...by }, allowance);
      return true;
    });
  }

  /** Puts a task back to be tried again later; answers like {@linkcode Leases.finish}. */
  retry({ delivery, tries, until }: Deferral): boolean {
    const task = this.#held(delivery);
    if (!task || task.place === "dropped") return this.#queue.task(delivery.taskId)?.tries === tries;
    task.tries = tries;
    task.run = null;
    this.#queue.delay(task, this.#queue.timeOf(until));
    return true;
  }

  /** Hands deliveries back. What has run is known to have, though that costs no try. */
  release(deliveries: readonly Delivery[]): void {
    let isReleased = false;
    for (const delivery of deliveries) {
      const task = this.#held(delivery);
      if (!task) continue;
      isReleased = true;
      if (this.#isRun(task, delivery)) {
        task.run = null;
        task.wasReleased = true;
      }
      this.#handBack(task);
    }
    if (isReleased) this.#queue.events.emit({ kind: "released" });
  }

  /**
   * Hands back all that is held.
   *
   * @param ran What has run, and could not be ended: its try is spent.
   */
  releaseAll(ran: readonly Delivery[]): void {
    const spent = new Set(ran.map(({ taskId }) => taskId));
    let isReleased = false;
    for (const lane of this.#queue.lanes) {
      const held = Array.from(lane.leased).filter(({ holder }) => holder === this.#holder.name);
      for (const task of held) {
        isReleased = true;
        // It may have been started with the read, but never ran.
        if (!spent.has(task.id) && this.#isRun(task, task)) task.run = null;
        this.#handBack(task);
      }
    }
    if (isReleased) this.#queue.events.emit({ kind: "released" });
  }

  /** Extends leases; answers those that are lost. */
  renew(deliveries: readonly Delivery[]): Delivery[] {
    const time = this.#queue.clock.monotonic();
    return deliveries.filter((delivery) => {
      const task = this.#held(delivery);
      if (!task) return true;
      task.leaseTime = time;
      task.lane.renewed(task);
      return false;
    });
  }

  /** How many tasks are in the hands of workers, or were. */
  get pending(): number {
    return this.#holder.lanes.reduce((sum, { pending }) => sum + pending, 0);
  }

  /** Queues tasks that are due, highest priority first, in the order in which they became due. */
  promote(): Promotion {
    const now = this.#queue.clock.now();
    let [promoted, next]: [number, number | null] = [0, null];
    for (const { delayed } of this.#holder.lanes) {
      for (let task = delayed.peek(); task; task = delayed.peek()) {
        if (task.dueTime > now || promoted === promoteLimit) {
          next = Math.min(next ?? Infinity, Math.max(0, task.dueTime - now));
          break;
        }
        // It has been ready since it was due, unless that is no time.
        this.#queue.enqueue(task, task.dueTime >= 0 ? task.dueTime : now);
        promoted++;
      }
    }
    return { promoted, next, nextSchedule: this.#queue.schedules.next() };
  }

  #lease(task: MemoryTask): Delivery {
    const { lane, sequence, enqueueTime } = task;
    const isTaken = task.holder !== null;
    lane.move(task, "leased");
    task.holder = this.#holder.name;
    task.leaseTime = this.#queue.clock.monotonic();
    if (isTaken) lane.renewed(task);
    return {
      taskId: task.id,
      priority: lane.priority,
      entryId: String(sequence),
      deliveries: ++task.deliveries,
      isQuarantined: isQuarantined(task),
      enqueueTime,
    };
  }

  /** Tasks that were released or whose lease has expired, in order; at most `limit` that are not quarantined. */
  #free(lane: Lane, limit: number, idleTimeout: number, own: ReadonlySet<number>): MemoryTask[] {
    const latest = this.#queue.clock.monotonic() - idleTimeout;
    const free: MemoryTask[] = [];
    let left = limit;
    for (const task of lane.returned) {
      if (own.has(task.sequence)) continue;
      free.push(task);
      if (!isQuarantined(task) && --left === 0) break;
    }
    let looked = 0;
    for (const task of lane.leased) {
      if (task.leaseTime > latest || looked++ === staleLimit) break;
      if (task.place === "dropped") lane.move(task, "gone");
      else if (!own.has(task.sequence)) free.push(task);
    }
    return free.sort((a, b) => a.sequence - b.sequence);
  }

  /** Hands a task back, for whoever takes it over; it keeps its place. */
  #handBack(task: MemoryTask): void {
    task.lane.move(task, task.place === "dropped" ? "gone" : "queued");
  }

  /** The task of a delivery, if its lease is still this worker's. */
  #held({ priority, entryId, deliveries }: Delivery): MemoryTask | undefined {
    const task = this.#queue.lane(priority).find(Number(entryId));
    return task?.holder === this.#holder.name && task.deliveries === deliveries ? task : undefined;
  }

  /** Whether the run that is noted is that of a lease of this worker. */
  #isRun({ run }: MemoryTask, { deliveries }: { readonly deliveries: number }): boolean {
    return run?.holder === this.#holder.name && run.deliveries === deliveries;
  }

  /** Stores what a task has made for another, if that one still waits for it. */
  #pipe({ id }: MemoryTask, { next, input }: { readonly next: string; readonly input: Payload }): void {
    const links = this.#queue.task(next)?.links;
    if (!links?.dependencies?.has(id)) return;
    this.#queue.budget.add(0, input.length - (links.input?.length ?? 0));
    links.input = storedPayload(input);
  }
}

/** Whether two runs in a row were cut off, so that the task may be what its workers died of. */
function isQuarantined({ run }: MemoryTask): boolean {
  return run !== null && run.crashes > 0;
}

/** Whether a task is still where it was leased once, whoever has it now. */
function isEntry({ place, sequence }: MemoryTask, { entryId }: Delivery): boolean {
  return (place === "queued" || place === "leased" || place === "running") && sequence === Number(entryId);
}
