import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { onRedis } from "../queue/brokers.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { gate } from "../support/promises.ts";
import { startProxy } from "../support/tcp_proxy.ts";

describe("the lock of a unique task on Redis", () => {
  const stage = new Stage(onRedis);

  it("stays released when an extension arrives after its release", async () => {
    await using proxy = await startProxy((await stage.broker).server.port);
    const worker = await stage.worker({
      redisUrl: `redis://127.0.0.1:${proxy.port}`,
      idleTimeout: 900,
      concurrency: 40,
    });
    const jobs = Array.from({ length: 35 }, (_, i) => {
      // The tasks finish at different times, so some finish during an extension.
      const job = (takesTime: boolean) => sleep(takesTime ? 20 * i : 0);
      return worker.task(job, { name: `job${i}`, unique: true, timeout: "1m" });
    });
    const run = running(worker);
    // From now on, the server knows the scripts that take and release a lock, but not the one that extends it.
    await (await jobs[0]!.enqueue(false)).result();
    // An unknown script takes a second round trip, during which a release overtakes it.
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

  it("is released although the connection is lost during the release", async () => {
    await using proxy = await startProxy((await stage.broker).server.port);
    const worker = await stage.worker({ redisUrl: `redis://127.0.0.1:${proxy.port}` });
    const { open, opened } = gate();
    let runs = 0;
    const only = worker.task((waits: boolean) => {
      runs++;
      return waits ? opened : undefined;
    }, { name: "only", unique: true, timeout: "1m" });
    const run = running(worker);
    const task = await only.enqueue(true);
    await eventually(() => runs === 1);
    proxy.swallow();
    open();
    await eventually(() => proxy.heldFrom("client").includes(":task:lock:only"));
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

  it("is respected while a Python worker holds it, and free once that lock has expired", async () => {
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
