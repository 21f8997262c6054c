import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { StreaqCancelled } from "../../src/base/errors.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startProxy } from "../support/tcp_proxy.ts";

describe("abort() on Redis", () => {
  const stage = new Stage(onRedis);

  it("is sent again when the connection is lost before the answer", async () => {
    await using proxy = await startProxy((await stage.broker).server.port);
    const worker = await stage.worker({ redisUrl: `redis://127.0.0.1:${proxy.port}` });
    const job = worker.task(() => {}, { name: "job" });
    const tasks = await worker.enqueueMany([job.enqueue(), job.enqueue()]);
    proxy.swallow();
    const answers = Promise.all(tasks.map((task) => task.abort()));
    answers.catch(() => {});
    await eventually(() => tasks.every(({ id }) => proxy.heldFrom("client").includes(id)));
    proxy.abandon();
    proxy.resume();
    proxy.cut();
    assertEquals(await answers, [true, true]);
    await worker.run({ burst: true });
    await stage.assertClean(worker);
    await worker.close();
  });

  it("does not prevent a task without a record from failing while the entry of the aborted task is unread", async () => {
    const worker = await stage.worker();
    const other = await stage.worker({ queueName: worker.queueName, priorities: ["other", "normal"] });
    const lost = await worker.task(() => {}, { name: "job" }).enqueue();
    // No worker reads its priority for the time being.
    const aborted = await other.enqueueUnsafe("job").start({ priority: "other" });
    await worker.redis.command(["DEL", `streaq:${worker.queueName}:task:data:${lost.id}`]);
    assertEquals(await aborted.abort(), true);
    const run = running(worker);
    await eventually(async () => await lost.status() === "done");
    assertStringIncludes((await lost.result()).exception!.message, "its record is gone");
    await run.stop();
    await other.run({ burst: true });
    await stage.assertClean(worker);
  });
});

describe("the id of an aborted task on Redis", () => {
  const stage = new Stage(onRedis);

  it("can be used again once its result has expired, even while its old entry is unread", async () => {
    const worker = await stage.worker();
    let runs = 0;
    const job = worker.task((n: number) => {
      runs++;
      return n;
    }, { name: "job" });
    const first = await job.enqueue(1).start({ id: "again" });
    assertEquals(await first.abort(), true);
    await job.enqueue(2).start({ id: "again" });
    assertInstanceOf((await first.result()).exception, StreaqCancelled);
    // As if the ttl had passed.
    const prefix = `streaq:${worker.queueName}`;
    await worker.redis.command(["DEL", `${prefix}:task:results:again`, `${prefix}:ts:ended:again`]);
    assertEquals(await worker.statusById("again"), "missing");
    const second = await job.enqueue(3).start({ id: "again" });
    assertEquals(await second.status(), "queued");
    await worker.run({ burst: true });
    assertEquals([(await second.result()).result, runs], [3, 1]);
    await stage.assertClean(worker);
  });
});
