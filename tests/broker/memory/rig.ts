import type { Broker } from "../../../src/broker/contract/broker.ts";
import type { Consumer } from "../../../src/broker/contract/consumer.ts";
import type { WorkerStatus } from "../../../src/broker/contract/membership.ts";
import type { RecordReader } from "../../../src/broker/contract/result.ts";
import type { NewTask } from "../../../src/broker/contract/task.ts";
import { Budget } from "../../../src/broker/memory/budget.ts";
import { MemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import { MemoryQueue } from "../../../src/broker/memory/memory_queue.ts";
import { ManualClock } from "./manual_clock.ts";

/** Reads test results: one of a success begins with "ok". */
export const reader: RecordReader = {
  hasSucceeded: (_, result) => result.toString().startsWith("ok"),
  failDependent: (taskId, data, failedId) => ({ result: `failed ${taskId} ${data} ${failedId}`, ttl: 3_600_000 }),
};

/** Options of a {@linkcode MemoryRig}. */
interface MemoryRigOptions {
  readonly tasks?: number;
  readonly bytes?: number;
  readonly binary?: boolean;
  readonly reader?: RecordReader;
}

/** A queue in memory with a manual clock and limits set by the test. */
export class MemoryRig {
  readonly clock: ManualClock = new ManualClock();
  readonly queue: MemoryQueue;
  readonly broker: Broker;

  constructor({ tasks = 1e6, bytes = 1e9, binary = false, reader: own = reader }: MemoryRigOptions = {}) {
    this.queue = new MemoryQueue(this.clock, new Budget({ tasks, bytes }));
    const options = { queue: this.queue, priorities: ["low", "high"], reader: own, isInThread: false };
    this.broker = new MemoryBroker({ ...options, binary });
  }

  /** Opens the access of a worker that has joined the queue. */
  async consumer(name: string, idleTimeout = 1000): Promise<Consumer> {
    const consumer = this.broker.consumer({ name: `${name}-00000000`, priorities: ["low", "high"], idleTimeout });
    await consumer.membership.join(statusOf(name));
    return consumer;
  }
}

/** The status that a worker reports with a heartbeat. */
export function statusOf(workerId: string): WorkerStatus {
  return { workerId, summary: "", versions: new Map() };
}

/** Tasks of the lowest priority, each with its id as its record, unless `more` says otherwise. */
export function newTasks(ids: readonly string[], more: Partial<NewTask> = {}): NewTask[] {
  return ids.map((id) => ({ id, data: id, priority: "low", ...more }));
}

/** Options of a read that searches for expired leases first. */
export const takingOver = { takeover: "first", inFlight: [], quarantined: 1 } as const;
/** Options of a read that leases new tasks only. */
export const takingNew = { takeover: "none", inFlight: [], quarantined: 1 } as const;
