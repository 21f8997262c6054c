import type { Payload } from "../broker.ts";
import type { Deferral, Delivery, Ending, Promotion, Start } from "../consumer.ts";
import { newAllowance } from "./dependencies.ts";
import type { Lane } from "./lane.ts";
import type { MemoryQueue } from "./memory_queue.ts";
import type { MemoryTask } from "./memory_task.ts";
import { readPayload, readPayloadOrNull, storedPayload } from "./payload.ts";

/** How many tasks one step promotes at most. */
const promoteLimit = 500;

/** What leases are taken for. */
export interface Holder {
  /** Unique among all runs of all workers. */
  readonly name: string;
  /** What it reads, highest priority first. */
  readonly lanes: readonly Lane[];
  /** Whether it reads records as bytes. */
  readonly binary: boolean;
}

/** The leases that one worker has in a queue: each is a task, the worker, and the number of deliveries. */
export class Leases {
  readonly #queue: MemoryQueue;
  readonly #holder: Holder;

  constructor(queue: MemoryQueue, holder: Holder) {
    this.#queue = queue;
    this.#holder = holder;
  }

  /** Leases up to `count` tasks: those that are free again come first, or work on a high priority would keep them back. */
  take(count: number): Delivery[] {
    const deliveries: Delivery[] = [];
    for (const which of ["returned", "fresh"] as const) {
      for (const lane of this.#holder.lanes) {
        while (deliveries.length < count) {
          const task = lane.next(which);
          if (!task) break;
          deliveries.push(this.#lease(task));
        }
      }
    }
    return deliveries;
  }

  /**
   * Frees tasks whose lease ran out.
   *
   * @param count How many of each priority at most.
   * @param held Those to leave alone.
   * @returns Whether there are more.
   */
  freeStale(count: number, idleTimeout: number, held: Iterable<Delivery>): boolean {
    const latest = this.#queue.clock.monotonic() - idleTimeout;
    let own: Set<string> | undefined;
    let isUnfinished = false;
    for (const lane of this.#holder.lanes) {
      const stale: MemoryTask[] = [];
      for (const task of lane.allLeased) {
        if (task.leaseTime > latest) break;
        own ??= new Set(Array.from(held, leaseOf));
        if (own.has(`${task.sequence} ${task.deliveries}`)) continue;
        isUnfinished ||= stale.length === count;
        if (stale.length === count) break;
        stale.push(task);
      }
      for (const task of stale) this.#free(task);
    }
    return isUnfinished;
  }

  /** Notes that a delivery runs from now on. */
  start(delivery: Delivery): Start {
    const task = this.#held(delivery);
    if (!task) return "lost";
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
    return {
      tries: tries + 1,
      data: readPayload(data, this.#holder.binary),
      time: this.#queue.clock.now(),
      isFirst: tries === 0 && !wasReleased && crashes === 0,
      crashes,
      input: readPayloadOrNull(links?.input ?? null, this.#holder.binary),
    };
  }

  /** Stores ends; `false` where somebody else ended the task, or holds it. */
  finish(endings: readonly Ending[]): boolean[] {
    const allowance = newAllowance();
    return endings.map(({ delivery, success, result, ttl, output }) => {
      const { taskId, entryId, deliveries } = delivery;
      const task = this.#queue.task(taskId);
      const by = { by: entryId, deliveries };
      // A success counts from whoever comes first, all else only from the holder of the lease.
      const counts = task && (success ? isEntry(task, delivery) : this.#held(delivery) === task);
      if (!counts) return this.#queue.results.isEndedBy(taskId, by);
      if (success && output) this.#pipe(task, output);
      // It is not told to start what it has just ended.
      if (task.place === "leased") task.lane.move(task, "running");
      this.#queue.end(task, { result, ttl, failedId: success ? null : taskId, ...by }, allowance);
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
      this.#free(task);
    }
    if (isReleased) this.#queue.news.say({ kind: "released" });
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
      const held = Array.from(lane.allLeased).filter(({ holder }) => holder === this.#holder.name);
      for (const task of held) {
        isReleased = true;
        // It may have been started with the read, but never ran.
        if (!spent.has(task.id) && this.#isRun(task, task)) task.run = null;
        this.#free(task);
      }
    }
    if (isReleased) this.#queue.news.say({ kind: "released" });
  }

  /** Extends leases; answers those that are lost. */
  renew(deliveries: readonly Delivery[]): Delivery[] {
    const time = this.#queue.clock.monotonic();
    return deliveries.filter((delivery) => {
      const task = this.#held(delivery);
      if (task) task.lane.renew(task, time);
      return !task;
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
    return { promoted, next, nextRepetition: this.#queue.repetitions.next() };
  }

  #lease(task: MemoryTask): Delivery {
    const { lane, sequence, run, enqueueTime } = task;
    lane.move(task, "leased");
    task.holder = this.#holder.name;
    task.leaseTime = this.#queue.clock.monotonic();
    return {
      taskId: task.id,
      priority: lane.priority,
      entryId: String(sequence),
      deliveries: ++task.deliveries,
      // One whose runs came to no end twice in a row may be what its workers died of.
      isSuspect: run !== null && run.crashes > 0,
      enqueueTime,
    };
  }

  /** Frees a task for whoever takes it next; it keeps its place. */
  #free(task: MemoryTask): void {
    task.lane.move(task, task.place === "dropped" ? "gone" : "queued");
    if (task.place === "queued") this.#queue.rouse(task.lane);
  }

  /** The task of a delivery, if its lease is still this worker's. */
  #held({ priority, entryId, deliveries }: Delivery): MemoryTask | undefined {
    const task = this.#queue.lane(priority).leased(Number(entryId));
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

function leaseOf({ entryId, deliveries }: Delivery): string {
  return `${entryId} ${deliveries}`;
}

/** Whether a task is still where it was leased once, whoever has it now. */
function isEntry({ place, sequence }: MemoryTask, { entryId }: Delivery): boolean {
  return (place === "queued" || place === "leased" || place === "running") && sequence === Number(entryId);
}
