/** The group that every worker of a queue reads in. */
export const group = "workers";

/** The names of a queue's keys; `docs/wire-format.md` describes what they hold. */
export class Keys {
  /** What every key of the queue begins with. */
  readonly prefix: string;
  /** Where scripts announce what cannot wait. */
  readonly wake: string;

  constructor(queueName: string) {
    this.prefix = `streaq:${queueName}`;
    this.wake = `${this.prefix}:ts:wake`;
  }

  stream(priority: string): string {
    return `${this.prefix}:queues:${priority}`;
  }

  data(taskId: string): string {
    return `${this.prefix}:task:data:${taskId}`;
  }

  result(taskId: string): string {
    return `${this.prefix}:task:results:${taskId}`;
  }

  /** Where the result is published. */
  channel(taskId: string): string {
    return `${this.prefix}:channels:${taskId}`;
  }
}
