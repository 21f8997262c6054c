/** A task queue in the benchmark. Its task has one argument and does nothing. */
export interface System {
  readonly name: string;
  /** Connects a producer. */
  openProducer(redisUrl: string, queueName: string): Promise<Producer>;
  /** Connects a consumer, which runs no tasks yet. */
  openConsumer(
    redisUrl: string,
    queueName: string,
    concurrency: number,
  ): Promise<Consumer>;
}

/** Enqueues tasks. */
export interface Producer {
  /** Enqueues tasks in one call, and drops the result. */
  enqueue(count: number): Promise<void>;
  /** Enqueues one task and waits for its result. */
  roundTrip(): Promise<void>;
  close(): Promise<void>;
}

/** Runs tasks. */
export interface Consumer {
  /** Starts to run tasks if necessary; resolves when `count` more tasks have finished and their results are stored. */
  serve(count: number): Promise<void>;
  close(): Promise<void>;
}
