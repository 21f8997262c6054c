/** The group that every worker of a queue reads in. */
export const group = "workers";

/** The names of a queue's keys; `docs/wire-format.md` describes what they hold. */
export class Keys {
  /** What every key of the queue begins with. */
  readonly prefix: string;
  /** Where scripts announce what cannot wait. */
  readonly wake: string;
  /** Hash: id of a task that runs, to its lease. */
  readonly running: string;

  constructor(queueName: string) {
    this.prefix = `streaq:${queueName}`;
    this.wake = `${this.prefix}:ts:wake`;
    this.running = `${this.prefix}:ts:running`;
  }

  stream(priority: string): string {
    return `${this.prefix}:queues:${priority}`;
  }

  delayed(priority: string): string {
    return `${this.prefix}:queues:delayed:${priority}`;
  }

  data(taskId: string): string {
    return `${this.prefix}:task:data:${taskId}`;
  }

  result(taskId: string): string {
    return `${this.prefix}:task:results:${taskId}`;
  }

  retry(taskId: string): string {
    return `${this.prefix}:task:retry:${taskId}`;
  }

  dependencies(taskId: string): string {
    return `${this.prefix}:task:dependencies:${taskId}`;
  }

  dependents(taskId: string): string {
    return `${this.prefix}:task:dependents:${taskId}`;
  }

  /** For a minute: the task ended, and its result is not kept that long. */
  ended(taskId: string): string {
    return `${this.prefix}:ts:ended:${taskId}`;
  }

  /** Where the result is published. */
  channel(taskId: string): string {
    return `${this.prefix}:channels:${taskId}`;
  }
}
