/** A measured process of a task queue: `queue.mjs <system>`. */
import process from "node:process";
import type { Adapter, Consumer, Producer } from "../systems/system.ts";
import { cpuTime, serve, timed } from "./serve.ts";

const name = process.argv[2]!;
// Only the one that is measured is loaded.
const { adapter } = await import(new URL(`../systems/${name}.mjs`, import.meta.url).href) as { adapter: Adapter };

let producer: Producer | undefined;
let consumer: Consumer | undefined;
let calls = 0;
let firstCall = 0;

const functions = {
  noop(): Promise<void> {
    if (++calls === 1) firstCall = Date.now();
    return Promise.resolve();
  },
  sleep(ms: number): Promise<void> {
    if (++calls === 1) firstCall = Date.now();
    return new Promise((resolve) => setTimeout(resolve, ms));
  },
};

serve({
  async openProducer(redisUrl, queueName) {
    producer = await adapter.openProducer(redisUrl, queueName);
    return null;
  },
  async openConsumer(redisUrl, queueName, concurrency) {
    consumer = await adapter.openConsumer({ redisUrl, queueName, concurrency, functions });
    calls = firstCall = 0;
    return null;
  },
  async close() {
    await (producer ?? consumer)?.close();
    producer = consumer = undefined;
    return null;
  },
  enqueueBulk: (work, count, perCall) =>
    timed(async () => {
      for (let enqueued = 0; enqueued < count; enqueued += perCall) {
        await producer!.enqueueBulk(work, Math.min(perCall, count - enqueued));
      }
    }),
  enqueueEach: (work, count, inFlight) =>
    timed(async () => {
      if (inFlight === 1) {
        for (let enqueued = 0; enqueued < count; enqueued++) await producer!.enqueueOne(work);
      } else {
        for (let enqueued = 0; enqueued < count; enqueued += inFlight) {
          const length = Math.min(inFlight, count - enqueued);
          await Promise.all(Array.from({ length }, () => producer!.enqueueOne(work)));
        }
      }
    }),
  async roundTrips(count, inFlight, maxMs) {
    const end = performance.now() + maxMs;
    const times: number[] = [];
    let begun = 0;
    const repeat = async (): Promise<void> => {
      while (begun++ < count && performance.now() < end) times.push(await timed(() => producer!.roundTrip!()));
    };
    await Promise.all(Array.from({ length: inFlight }, repeat));
    return times;
  },
  start() {
    consumer!.start();
    return null;
  },
  usage: () => ({ cpuMs: cpuTime(), calls, firstCall }),
});
