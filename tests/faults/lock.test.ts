import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { eventually } from "../support/poll.ts";
import { gate } from "../support/promises.ts";
import { startProxy } from "../support/tcp_proxy.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, sleep, Stage } from "../queue/stage.ts";

describe("the lock of a unique task on Redis", () => {
  const stage = new Stage(onRedis);

  it("is not taken again, when it was released, by an extension that is still on its way", async () => {
    await using proxy = await startProxy((await stage.broker).server.port);
    const worker = await stage.worker({
      redisUrl: `redis://127.0.0.1:${proxy.port}`,
      idleTimeout: 900,
      concurrency: 40,
    });
    const jobs = Array.from({ length: 35 }, (_, i) => {
      const job = (wait: boolean) => sleep(wait ? 20 * i : 0);
      return worker.task(job, { name: `job${i}`, unique: true, timeout: "1m" });
    });
    const run = running(worker);
    // The server gets to know the scripts that take and release a lock, not yet the one that extends it.
    await (await jobs[0]!.enqueue(false)).result();
    // What it does not know takes a second round trip, in which a release passes it.
    proxy.delay(20);
    const failures = await Promise.all(jobs.map(async (job) => {
      await (await job.enqueue(true)).result();
      const again = await (await job.enqueue(false)).result();
      return again.success ? [] : [again.exception.message];
    }));
    proxy.delay(0);
    await run.stop();
    assertEquals(failures.flat(), []);
    await stage.assertClean(worker);
    await worker.close();
  });

  it("is released though the connection is lost on the way", async () => {
    await using proxy = await startProxy((await stage.broker).server.port);
    const worker = await stage.worker({ redisUrl: `redis://127.0.0.1:${proxy.port}` });
    const { open, opened } = gate();
    let runs = 0;
    const only = worker.task((wait: boolean) => {
      runs++;
      return wait ? opened : undefined;
    }, { name: "only", unique: true, timeout: "1m" });
    const run = running(worker);
    const task = await only.enqueue(true);
    await eventually(() => runs === 1);
    proxy.swallow();
    open();
    // What is sent now gets lost.
    await sleep(100);
    proxy.abandon();
    proxy.resume();
    proxy.cut();
    assertEquals((await task.result()).success, true);
    await eventually(() => worker.running === 0);
    assertEquals((await (await only.enqueue(false)).result()).success, true);
    await run.stop();
    await stage.assertClean(worker);
    await worker.close();
  });

  it("is that of a Python worker, when one holds it, and nobody's after that has gone", async () => {
    const worker = await stage.worker();
    const only = worker.task(() => "ran", { name: "only", unique: true, timeout: "1m" });
    const key = `streaq:${worker.queueName}:task:lock:only`;
    await worker.redis.command(["SET", key, "held-by-python", "PX", 600]);
    const run = running(worker);
    const refused = await (await only.enqueue()).result();
    assertEquals([refused.success, refused.exception!.message.includes("held-by-python")], [false, true]);
    assertEquals(await worker.redis.command(["GET", key]), "held-by-python");
    await eventually(async () => await worker.redis.command(["EXISTS", key]) === 0);
    assertEquals((await (await only.enqueue()).result()).result, "ran");
    await run.stop();
    await stage.assertClean(worker);
  });
});
