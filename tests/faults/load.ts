import { assert, assertEquals } from "@std/assert";
import { StreaqError } from "../../src/base/errors.ts";
import { running, sleep, type Stage } from "../queue/stage.ts";
import type { RedisServer } from "../support/redis_server.ts";

/** A worker that runs, and a producer that enqueues one task after the other until it is told to stop. */
export async function putLoad(stage: Stage, server: RedisServer, redisUrl = server.url) {
  const queueName = stage.newQueue();
  const options = { queueName, redisUrl, idleTimeout: 5000 };
  const worker = await stage.worker(options);
  const producer = await stage.worker(options);
  const runs = new Map<number, number>();
  const job = worker.task(async function job(n: number) {
    runs.set(n, (runs.get(n) ?? 0) + 1);
    await sleep(1);
    return n;
  });
  const same = producer.task(job, { name: "job" });
  const run = running(worker);
  const acknowledged: Promise<number>[] = [];
  let refused = 0;
  let stopped = false;
  const producing = (async () => {
    for (let n = 0; !stopped; n++) {
      try {
        const task = await same.enqueue(n);
        acknowledged.push(task.value());
      } catch (error) {
        assert(error instanceof StreaqError, String(error));
        refused++;
      }
      await sleep(2);
    }
  })();
  return {
    worker,
    queueName,
    runs,
    acknowledged,
    /** Every acknowledged task has its one result. */
    async settle() {
      stopped = true;
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
