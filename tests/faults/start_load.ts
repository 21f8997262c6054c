import { assert, assertEquals } from "@std/assert";
import { StreaqError } from "../../src/base/errors.ts";
import { Lines, running, sleep, type Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import type { RedisServer } from "../support/redis_server.ts";

/** Runs a worker, and a producer that enqueues one task after another until `settle()` is called. */
export async function startLoad(stage: Stage, server: RedisServer) {
  const lines = new Lines();
  const options = { queueName: stage.newQueue(), redisUrl: server.url, idleTimeout: 5000, logger: lines };
  const worker = await stage.worker(options);
  const producer = await stage.worker(options);
  const runs = new Map<number, number>();
  const job = worker.task(async function job(n: number) {
    runs.set(n, (runs.get(n) ?? 0) + 1);
    // Some tasks run at any moment.
    await sleep(1);
    return n;
  });
  const produced = producer.task(job, { name: "job" });
  const run = running(worker);
  const acknowledged: Promise<number>[] = [];
  let refused = 0;
  let isStopped = false;
  const producing = (async () => {
    for (let n = 0; !isStopped; n++) {
      try {
        const task = await produced.enqueue(n);
        acknowledged.push(task.value());
      } catch (error) {
        assert(error instanceof StreaqError, String(error));
        refused++;
      }
      // No faster than the worker can run them.
      await sleep(2);
    }
  })();
  return {
    lines,
    /** How often each task ran. */
    runs,
    /** Waits until the worker has completed more tasks. */
    async progress(count: number) {
      const target = worker.counters.completed + count;
      await eventually(() => worker.counters.completed >= target, { message: `${count} more tasks are done` });
    },
    /** Stops the producer, and checks that each acknowledged task has one result. */
    async settle() {
      isStopped = true;
      await producing;
      const results = await Promise.all(acknowledged);
      assertEquals(new Set(results).size, results.length);
      assert(results.length > 0);
      await run.stop();
      await stage.assertClean(worker);
      return { results, refused };
    },
  };
}
