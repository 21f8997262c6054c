import type { Delivery } from "../../broker/contract/delivery.ts";
import { Execution, type ExecutionState } from "./execution.ts";

/** Called after an execution has given its slot back, or is gone. */
export type OnMove = (execution: Execution, freesSlot: boolean) => void;

/**
 * Every delivery that a worker has, by priority and entry id, from its lease until it is gone. All changes of state happen
 * in {@linkcode InFlight.move}. An entry that is in flight is never started a second time, whatever a broker delivers.
 */
export class InFlight {
  readonly #onMove: OnMove;
  readonly #byEntry: ReadonlyMap<string, Map<string, Execution>>;
  /** Buffered executions: first those that were taken over, then by priority, highest first; each oldest first. */
  readonly #buffers: readonly Set<Execution>[];
  readonly #takenOver = new Set<Execution>();
  readonly #byPriority: ReadonlyMap<string, Set<Execution>>;
  /** How many executions are in each state. */
  readonly #counts: Record<ExecutionState, number> = {
    buffered: 0,
    starting: 0,
    preparing: 0,
    running: 0,
    overdue: 0,
    concluded: 0,
    lingering: 0,
    settling: 0,
    gone: 0,
  };
  #size = 0;
  #running = 0;
  #quarantined = 0;

  /** @param options.priorities From lowest to highest. */
  constructor({ priorities, onMove }: { priorities: readonly string[]; onMove: OnMove }) {
    const highestFirst = priorities.toReversed();
    this.#onMove = onMove;
    this.#byEntry = new Map(highestFirst.map((priority) => [priority, new Map()]));
    this.#byPriority = new Map(highestFirst.map((priority) => [priority, new Set()]));
    this.#buffers = [this.#takenOver, ...this.#byPriority.values()];
  }

  /** Number of executions that are not gone. */
  get size(): number {
    return this.#size;
  }

  /** Number of executions that wait for a slot. */
  get buffered(): number {
    return this.#counts.buffered;
  }

  /** Number of executions that have a slot. */
  get running(): number {
    return this.#running;
  }

  /** Number of executions whose function has not settled although the outcome is known. */
  get lingering(): number {
    return this.#counts.concluded + this.#counts.lingering;
  }

  /** Whether a quarantined task waits or runs here. */
  get hasQuarantined(): boolean {
    return this.#quarantined > 0;
  }

  /** Whether nothing is in flight. */
  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /** Executions that have a slot. */
  *executions(): Generator<Execution> {
    for (const executions of this.#byEntry.values()) {
      for (const execution of executions.values()) if (hasSlot(execution.state)) yield execution;
    }
  }

  /** Every delivery that is not gone, lost ones included. */
  *deliveries(): Generator<Delivery> {
    for (const executions of this.#byEntry.values()) {
      for (const { delivery } of executions.values()) yield delivery;
    }
  }

  /** Deliveries whose lease the worker keeps alive. */
  leased(): Delivery[] {
    return this.#deliveriesIn(hasLease);
  }

  /** Deliveries whose function was called, and whose outcome may still have to be stored. */
  ran(): Delivery[] {
    return this.#deliveriesIn((state) => hasLease(state) && hasBegun(state));
  }

  /**
   * Buffers deliveries that were leased at `time`. Of an entry that is in flight already only the newer lease is noted.
   *
   * @returns How many were new.
   */
  add(deliveries: readonly Delivery[], time: number): number {
    let added = 0;
    for (const delivery of deliveries) if (this.#enter(delivery, time, "buffered")) added++;
    return added;
  }

  /** Gives a slot to a delivery that was leased and started at `time`; `undefined` when its entry is in flight already. */
  admit(delivery: Delivery, time: number): Execution | undefined {
    return this.#enter(delivery, time, "starting");
  }

  /** The execution of a delivery; `undefined` when it is gone, or has a newer lease. */
  find(delivery: Delivery): Execution | undefined {
    const execution = this.#byEntry.get(delivery.priority)?.get(delivery.entryId);
    return execution?.delivery === delivery ? execution : undefined;
  }

  /** Gives slots to up to `count` buffered executions: first those that were taken over, then by priority. */
  start(count: number): Execution[] {
    const started: Execution[] = [];
    for (const buffer of this.#buffers) {
      for (const execution of buffer) {
        if (started.length >= count) return started;
        this.move(execution, "starting");
        started.push(execution);
      }
    }
    return started;
  }

  /** Executions that were buffered at `time` or before. */
  bufferedSince(time: number): Execution[] {
    return this.#buffers.flatMap((buffer) => [...buffer].filter(({ leaseTime }) => leaseTime <= time));
  }

  /** The outcome of an execution is known. The slot stays taken until its function has settled. */
  conclude(execution: Execution): void {
    this.move(execution, "concluded");
  }

  /** The function of an execution has settled, or will not be called: its slot is free. */
  vacate(execution: Execution): void {
    this.move(execution, execution.state === "concluded" ? "settling" : "gone");
  }

  /** The outcome of an execution is stored, or does not count. */
  settle(execution: Execution): void {
    this.move(execution, execution.state === "concluded" ? "lingering" : "gone");
  }

  /** Changes the state of an execution. */
  move(execution: Execution, next: ExecutionState): void {
    const { state } = execution;
    if (state === next || state === "gone") return;
    const [had, has] = [hasSlot(state), hasSlot(next)];
    this.#counts[state]--;
    this.#counts[next]++;
    execution.state = next;
    if (had !== has) this.#running += has ? 1 : -1;
    if (state === "buffered") this.#bufferOf(execution).delete(execution);
    else if (next === "buffered") this.#bufferOf(execution).add(execution);
    // Once its function has settled it can do no more harm.
    if (execution.isQuarantined && mayCrash(state) && !mayCrash(next)) this.#quarantined--;
    if (next === "gone") {
      const { priority, entryId } = execution.delivery;
      this.#byEntry.get(priority)!.delete(entryId);
      this.#size--;
    }
    if ((had && !has) || next === "gone") this.#onMove(execution, had && !has);
  }

  #enter(delivery: Delivery, time: number, state: "buffered" | "starting"): Execution | undefined {
    const executions = this.#byEntry.get(delivery.priority)!;
    const known = executions.get(delivery.entryId);
    if (known) {
      known.delivery = delivery;
      return undefined;
    }
    const execution = new Execution(delivery, time, state);
    executions.set(delivery.entryId, execution);
    this.#size++;
    this.#counts[state]++;
    if (state === "buffered") this.#bufferOf(execution).add(execution);
    else this.#running++;
    if (execution.isQuarantined) this.#quarantined++;
    return execution;
  }

  #deliveriesIn(isWanted: (state: ExecutionState) => boolean): Delivery[] {
    const wanted: Delivery[] = [];
    for (const executions of this.#byEntry.values()) {
      for (const { delivery, state } of executions.values()) if (isWanted(state)) wanted.push(delivery);
    }
    return wanted;
  }

  #bufferOf({ isTakenOver, delivery: { priority } }: Execution): Set<Execution> {
    return isTakenOver ? this.#takenOver : this.#byPriority.get(priority)!;
  }
}

/** Whether an execution takes one of the worker's slots. */
function hasSlot(state: ExecutionState): boolean {
  return state === "starting" || state === "preparing" || state === "running" || state === "overdue" ||
    state === "concluded" || state === "lingering";
}

/** Whether the worker keeps the lease of an execution alive. */
function hasLease(state: ExecutionState): boolean {
  return state !== "lingering" && state !== "gone";
}

/** Whether the function of an execution was called, or its outcome was decided without it. */
function hasBegun(state: ExecutionState): boolean {
  return state !== "buffered" && state !== "starting" && state !== "preparing";
}

function mayCrash(state: ExecutionState): boolean {
  return state === "buffered" || hasSlot(state);
}
