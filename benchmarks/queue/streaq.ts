import { type Logger, Worker } from "../../mod.ts";
import type { Consumer, Producer, System } from "./system.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error: console.error };

/** streaq, from this repository. */
export const streaq: System = {
  name: "streaq",

  async openProducer(redisUrl, queueName): Promise<Producer> {
    const worker = new Worker({ redisUrl, queueName, logger: silent });
    const noop = worker.task(function noop(_n: number): Promise<void> {
      return Promise.resolve();
    });
    await worker.connect();
    return {
      async enqueue(count) {
        await worker.enqueueMany(Array.from({ length: count }, (_, n) => noop.enqueue(n)));
      },
      async roundTrip() {
        const task = await noop.enqueue(0);
        await task.result();
      },
      close: () => worker.close(),
    };
  },

  async openConsumer(redisUrl, queueName, concurrency): Promise<Consumer> {
    const worker = new Worker({ redisUrl, queueName, concurrency, logger: silent });
    let begun = 0;
    let target = 0;
    let onLastBegun = (): void => {};
    let run: Promise<void> | undefined;
    worker.task(function noop(_n: number): Promise<void> {
      if (++begun === target) onLastBegun();
      return Promise.resolve();
    });
    await worker.connect();
    return {
      serve(count) {
        return new Promise((resolve, reject) => {
          const poll = (): void => {
            if (worker.counters.completed >= target) resolve();
            else setImmediate(poll);
          };
          // No event shows that a result is stored, so it polls after the last task has started; that slows no other
          // task.
          onLastBegun = poll;
          target += count;
          if (begun >= target) poll();
          run ??= worker.run();
          run.catch(reject);
        });
      },
      close: () => worker.close(),
    };
  },
};
