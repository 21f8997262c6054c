import { Queue, QueueEvents, Worker } from "bullmq";
import { addressOf } from "./address.ts";
import { type Adapter, textOf } from "./system.ts";

export const adapter: Adapter = {
  async openProducer(redisUrl, queueName) {
    const connection = addressOf(redisUrl);
    const queue = new Queue(queueName, { connection });
    await queue.waitUntilReady();
    // They are every event of the queue, so they are read for round trips only.
    let events: Promise<QueueEvents> | undefined;
    const openEvents = async (): Promise<QueueEvents> => {
      const events = new QueueEvents(queueName, { connection });
      await events.waitUntilReady();
      return events;
    };
    return {
      async enqueueBulk(work, count) {
        const text = textOf(work);
        await queue.addBulk(Array.from({ length: count }, (_, n) => {
          return { name: work.task, data: work.task === "sleep" ? { ms: work.ms } : { n, text } };
        }));
      },
      async enqueueOne(work) {
        await queue.add(work.task, { n: 0, text: textOf(work) });
      },
      async roundTrip() {
        const ready = await (events ??= openEvents());
        const job = await queue.add("noop", { n: 0, text: "" });
        await job.waitUntilFinished(ready);
      },
      async close() {
        await (await events)?.close();
        await queue.close();
      },
    };
  },

  async openConsumer({ redisUrl, queueName, concurrency, functions }) {
    const worker = new Worker<{ ms: number }>(
      queueName,
      ({ name, data }) => name === "sleep" ? functions.sleep(data.ms) : functions.noop(),
      { connection: addressOf(redisUrl), concurrency, autorun: false },
    );
    worker.on("error", console.error);
    await worker.waitUntilReady();
    return {
      start: () => void worker.run().catch(console.error),
      close: () => worker.close(),
    };
  },
};
