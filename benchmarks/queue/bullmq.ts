import type { Consumer, Producer, System } from "./system.ts";

/** The part of BullMQ that is used, so that this compiles without the package. */
interface BullMq {
  readonly Queue: new (name: string, options: Options) => Closable & {
    add(name: string, data: unknown): Promise<{ waitUntilFinished(events: Closable): Promise<unknown> }>;
    addBulk(jobs: readonly { name: string; data: unknown }[]): Promise<unknown[]>;
  };
  readonly QueueEvents: new (name: string, options: Options) => Closable;
  readonly Worker: new (name: string, processor: () => Promise<void>, options: Options) => Closable & {
    on(event: "completed", listener: () => void): unknown;
    on(event: "error", listener: (error: Error) => void): unknown;
    run(): Promise<void>;
  };
}

interface Options {
  readonly connection: { readonly url: string; readonly maxRetriesPerRequest?: null };
  readonly concurrency?: number;
  readonly autorun?: boolean;
}

interface Closable {
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

/** BullMQ with its defaults, which keep the results of all jobs. */
export const bullmq: System = {
  name: "bullmq",

  async openProducer(url, queueName): Promise<Producer> {
    const { Queue, QueueEvents } = await load();
    const queue = new Queue(queueName, { connection: { url } });
    await queue.waitUntilReady();
    // It reads every event of the queue, so it is created only to wait for results.
    let events: Closable | undefined;
    return {
      async enqueue(count) {
        await queue.addBulk(Array.from({ length: count }, (_, n) => ({ name: "noop", data: { n } })));
      },
      async roundTrip() {
        if (!events) {
          events = new QueueEvents(queueName, { connection: { url, maxRetriesPerRequest: null } });
          await events.waitUntilReady();
        }
        const job = await queue.add("noop", { n: 0 });
        await job.waitUntilFinished(events);
      },
      async close() {
        await Promise.all([queue.close(), events?.close()]);
      },
    };
  },

  async openConsumer(url, queueName, concurrency): Promise<Consumer> {
    const { Worker } = await load();
    const connection = { url, maxRetriesPerRequest: null };
    const worker = new Worker(queueName, () => Promise.resolve(), { connection, concurrency, autorun: false });
    worker.on("error", console.error);
    await worker.waitUntilReady();
    let completed = 0;
    let target = 0;
    let onTarget = (): void => {};
    let run: Promise<void> | undefined;
    worker.on("completed", () => {
      if (++completed === target) onTarget();
    });
    return {
      serve(count) {
        return new Promise((resolve, reject) => {
          onTarget = resolve;
          target += count;
          if (completed >= target) resolve();
          run ??= worker.run();
          run.catch(reject);
        });
      },
      close: () => worker.close(),
    };
  },
};

async function load(): Promise<BullMq> {
  // Not a literal type, which the type checker would resolve.
  const name: string = "bullmq";
  return await import(name) as BullMq;
}
