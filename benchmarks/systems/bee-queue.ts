import BeeQueue from "bee-queue";
import { addressOf } from "./address.ts";
import { type Adapter, type Task, textOf } from "./system.ts";

/** The data of a job: bee-queue has no names of functions. */
interface Data {
  readonly task: Task;
  readonly ms?: number | undefined;
  readonly text?: string;
}

/** How often a worker looks for stalled jobs, in milliseconds: as the README recommends. */
const stalledInterval = 5000;

export const adapter: Adapter = {
  async openProducer(redisUrl, queueName) {
    const redis = addressOf(redisUrl);
    const queue = new BeeQueue<Data>(queueName, { redis, isWorker: false, getEvents: false, storeJobs: false });
    await queue.ready();
    // It receives the events of all jobs, so it is opened for round trips only.
    let listening: Promise<BeeQueue<Data>> | undefined;
    const openListening = (): Promise<BeeQueue<Data>> => {
      const listening = new BeeQueue<Data>(queueName, { redis, isWorker: false, storeJobs: false });
      listening.on("job succeeded", (id) => waiting.get(id)?.());
      return listening.ready();
    };
    const waiting = new Map<string, () => void>();
    let trips = 0;
    return {
      async enqueueBulk(work, count) {
        const data: Data = { task: work.task, ms: work.ms, text: textOf(work) };
        const errors = await queue.saveAll(Array.from({ length: count }, () => queue.createJob(data)));
        for (const error of errors.values()) throw error;
      },
      async enqueueOne(work) {
        await queue.createJob({ task: work.task, text: textOf(work) }).save();
      },
      async roundTrip() {
        const ready = await (listening ??= openListening());
        const id = `trip-${trips++}`;
        const complete = new Promise<void>((resolve) => waiting.set(id, resolve));
        await ready.createJob({ task: "noop" }).setId(id).save();
        await complete;
        waiting.delete(id);
      },
      async close() {
        await (await listening)?.close();
        await queue.close();
      },
    };
  },

  async openConsumer({ redisUrl, queueName, concurrency, functions }) {
    const redis = addressOf(redisUrl);
    const queue = new BeeQueue<Data>(queueName, { redis, getEvents: false, storeJobs: false });
    queue.on("error", console.error);
    await queue.ready();
    return {
      start() {
        queue.checkStalledJobs(stalledInterval).catch(console.error);
        queue.process(concurrency, ({ data }: BeeQueue.Job<Data>) => {
          return data.task === "sleep" ? functions.sleep(data.ms!) : functions.noop();
        });
      },
      close: () => queue.close(),
    };
  },
};
