/** A task queue as the benchmark sees it. Its task does nothing with its one argument. */
export interface System {
  readonly name: string;
  /** Connects what enqueues. */
  openProducer(redisUrl: string, queueName: string): Promise<Producer>;
  /** Connects what runs tasks, and starts nothing yet. */
  openConsumer(
    redisUrl: string,
    queueName: string,
    concurrency: number,
  ): Promise<Consumer>;
}

/** What enqueues tasks. */
export interface Producer {
  /** Enqueues tasks in one call, and keeps nothing from it. */
  enqueue(count: number): Promise<void>;
  /** Enqueues one task and waits for its result. */
  roundTrip(): Promise<void>;
  close(): Promise<void>;
}

/** What runs tasks. */
export interface Consumer {
  /** Starts if need be, and resolves when so many tasks have ended, their results stored. It goes on until it is closed. */
  serve(count: number): Promise<void>;
  close(): Promise<void>;
}
