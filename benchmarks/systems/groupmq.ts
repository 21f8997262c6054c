import { Queue, Worker } from "groupmq";
import { Redis } from "ioredis";
import { type Adapter, type Task, textOf } from "./system.ts";

/** The data of a job: groupmq has no names of functions. */
interface Data {
  readonly task: Task;
  readonly ms?: number | undefined;
  readonly text?: string;
}

/** How many jobs a queue sends in one script. */
const batch = 500;
/** A group runs one job at a time, so there are as many as two workers have slots. */
const groups = 64;

export const adapter: Adapter = {
  openProducer(redisUrl, queueName) {
    const queue = new Queue<Data>({ redis: new Redis(redisUrl), namespace: queueName });
    const batching = new Queue<Data>({
      redis: new Redis(redisUrl),
      namespace: queueName,
      autoBatch: { size: batch, maxWaitMs: 1 },
    });
    let enqueued = 0;
    return Promise.resolve({
      async enqueueBulk(work, count) {
        const data: Data = { task: work.task, ms: work.ms, text: textOf(work) };
        const groupsNeeded = work.task === "sleep" ? count : groups;
        await Promise.all(Array.from({ length: count }, (_, n) => {
          return batching.add({ groupId: `${n % groupsNeeded}`, data });
        }));
      },
      async enqueueOne(work) {
        const data: Data = { task: work.task, text: textOf(work) };
        await queue.add({ groupId: `${enqueued++ % groups}`, data });
      },
      async close() {
        await Promise.all([queue.close(), batching.close()]);
      },
    });
  },

  openConsumer({ redisUrl, queueName, concurrency, functions }) {
    const queue = new Queue<Data>({ redis: new Redis(redisUrl), namespace: queueName, keepCompleted: 10_000_000 });
    const worker = new Worker<Data>({
      queue,
      concurrency,
      handler: ({ data }) => data.task === "sleep" ? functions.sleep(data.ms!) : functions.noop(),
    });
    worker.on("error", console.error);
    return Promise.resolve({
      start: () => void worker.run().catch(console.error),
      async close() {
        await worker.close();
        await queue.close();
      },
    });
  },
};
