import { type Logger, Worker } from "../../mod.ts";
import { type Adapter, textOf } from "./system.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error: console.error };

/** Options of producer and worker alike. */
const options = { logger: silent, handleSignals: false, maxPayload: 2 * 1024 ** 2 };

export const adapter: Adapter = {
  async openProducer(redisUrl, queueName) {
    const worker = new Worker({ ...options, redisUrl, queueName });
    const noop = worker.task((_n: number, _text: string) => {}, { name: "noop" });
    const sleep = worker.task((_ms: number) => {}, { name: "sleep" });
    await worker.connect();
    return {
      async enqueueBulk(work, count) {
        const text = textOf(work);
        await worker.enqueueMany(Array.from({ length: count }, (_, n) => {
          return work.task === "sleep" ? sleep.enqueue(work.ms!) : noop.enqueue(n, text);
        }));
      },
      async enqueueOne(work) {
        await noop.enqueue(0, textOf(work));
      },
      async roundTrip() {
        const task = await noop.enqueue(0, "");
        await task.result();
      },
      close: () => worker.close(),
    };
  },

  async openConsumer({ redisUrl, queueName, concurrency, functions }) {
    const worker = new Worker({ ...options, redisUrl, queueName, concurrency });
    worker.task((_n: number, _text: string) => functions.noop(), { name: "noop" });
    worker.task((ms: number) => functions.sleep(ms), { name: "sleep" });
    await worker.connect();
    return {
      start: () => void worker.run().catch(console.error),
      close: () => worker.close(),
    };
  },
};
