import type { Delivery } from "../../broker/contract/delivery.ts";
import { Execution, type ExecutionState } from "./execution.ts";

/** States in which an execution takes one of the worker's slots. */
const withSlot: ReadonlySet<ExecutionState> = new Set(["starting", "preparing", "running", "concluded", "lingering"]);
/** States in which the worker keeps the lease alive. */
const withLease: ReadonlySet<ExecutionState> = new Set([
  ...["buffered", "starting", "preparing", "running", "concluded", "settling"] as const,
]);

/** Called after an execution has changed its state. */
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
  /** Executions that have a slot. */
  readonly #slots = new Set<Execution>();
  #size = 0;
  #buffered = 0;
  #concluded = 0;
  #lingering = 0;
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
    return this.#buffered;
  }

  /** Number of executions that have a slot. */
  get running(): number {
    return this.#slots.size;
  }

  /** Number of executions whose function has not settled although the outcome is known. */
  get lingering(): number {
    return this.#concluded + this.#lingering;
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
  get executions(): Iterable<Execution> {
    return this.#slots;
  }

  /** Every delivery that is not gone, lost ones included. */
  *deliveries(): Generator<Delivery> {
    for (const executions of this.#byEntry.values()) {
      for (const { delivery } of executions.values()) yield delivery;
    }
  }

  /** Deliveries whose lease the worker keeps alive. */
  leased(): Delivery[] {
    const leased: Delivery[] = [];
    for (const executions of this.#byEntry.values()) {
      for (const { delivery, state } of executions.values()) if (withLease.has(state)) leased.push(delivery);
    }
    return leased;
  }

  /**
   * Buffers deliveries that were leased at `time`. Of an entry that is in flight already only the newer lease is noted.
   *
   * @returns How many were new.
   */
  add(deliveries: readonly Delivery[], time: number): number {
    let added = 0;
    for (const delivery of deliveries) {
      const executions = this.#byEntry.get(delivery.priority)!;
      const known = executions.get(delivery.entryId);
      if (known) {
        known.delivery = delivery;
        continue;
      }
      const execution = new Execution(delivery, time);
      executions.set(delivery.entryId, execution);
      this.#size++;
      this.#count(execution, 1);
      if (execution.isQuarantined) this.#quarantined++;
      added++;
    }
    return added;
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
    const { state, delivery } = execution;
    if (state === next || state === "gone") return;
    const [had, has] = [withSlot.has(state), withSlot.has(next)];
    this.#count(execution, -1);
    execution.state = next;
    this.#count(execution, 1);
    if (next === "gone") {
      this.#byEntry.get(delivery.priority)!.delete(delivery.entryId);
      this.#size--;
    }
    // Once its function has settled it can do no more harm.
    if (execution.isQuarantined && !mayCrash(next) && mayCrash(state)) this.#quarantined--;
    if (had !== has) {
      if (has) this.#slots.add(execution);
      else this.#slots.delete(execution);
    }
    this.#onMove(execution, had && !has);
  }

  /** Counts an execution in, or out of, its state. */
  #count(execution: Execution, by: 1 | -1): void {
    switch (execution.state) {
      case "buffered": {
        const buffer = this.#bufferOf(execution);
        this.#buffered += by;
        if (by === 1) buffer.add(execution);
        else buffer.delete(execution);
        return;
      }
      case "concluded":
        this.#concluded += by;
        return;
      case "lingering":
        this.#lingering += by;
    }
  }

  #bufferOf({ isTakenOver, delivery: { priority } }: Execution): Set<Execution> {
    return isTakenOver ? this.#takenOver : this.#byPriority.get(priority)!;
  }
}

function mayCrash(state: ExecutionState): boolean {
  return state === "buffered" || withSlot.has(state);
}
