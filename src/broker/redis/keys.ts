/** The group that every worker of a queue reads in. */
export const group = "workers";

/** The names of a queue's keys; `docs/wire-format.md` describes what they hold. */
export class Keys {
  /** What every key of the queue begins with. */
  readonly prefix: string;
  /** Where scripts announce what cannot wait. */
  readonly wake: string;
  /** Who runs what. */
  readonly running: string;
  /** How many entries of an aborted task are to be dropped. */
  readonly dropped: string;
  /** The ids of the most recent results, latest first. */
  readonly recent: string;
  /** The priorities of tasks that wait for others. */
  readonly waiting: string;

  constructor(queueName: string) {
    this.prefix = `streaq:${queueName}`;
    this.wake = `${this.prefix}:ts:wake`;
    this.running = `${this.prefix}:ts:running`;
    this.dropped = `${this.prefix}:ts:dropped`;
    this.recent = `${this.prefix}:ts:results`;
    this.waiting = `${this.prefix}:ts:waiting`;
  }

  stream(priority: string): string {
    return `${this.prefix}:queues:${priority}`;
  }

  /** Tells for a while that a task has ended whose result is not kept for long. */
  ended(taskId: string): string {
    return `${this.prefix}:ts:ended:${taskId}`;
  }

  /** Where tasks of a priority wait for their time. */
  delayed(priority: string): string {
    return `${this.prefix}:queues:delayed:${priority}`;
  }

  data(taskId: string): string {
    return `${this.prefix}:task:data:${taskId}`;
  }

  result(taskId: string): string {
    return `${this.prefix}:task:results:${taskId}`;
  }

  /** The lock of a function that runs for one task at a time. */
  lock(fnName: string): string {
    return `${this.prefix}:task:lock:${fnName}`;
  }

  /** Where the result is published. */
  channel(taskId: string): string {
    return `${this.prefix}:channels:${taskId}`;
  }
}
