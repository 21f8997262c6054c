import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { createClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { assertClean } from "../queue/keyspace.ts";
import { running, Stage } from "../queue/stage.ts";
import { startRedis } from "../support/redis_server.ts";

const stage = new Stage(onRedis);

/** The command of the documentation, as arguments. */
function documentedUser(): [string, ...string[]] {
  const text = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const command = /^ACL SETUSER orders[^`]*/m.exec(text)![0];
  return command.trim().split(/\s+/) as [string, ...string[]];
}

describe("a user with nothing but the permissions that the documentation lists", () => {
  it("can do everything", async () => {
    await using server = await startRedis();
    await using admin = createClient(server.url);
    await admin.command(documentedUser());
    const redisUrl = server.url.replace("redis://", "redis://orders:password@");
    const options = { redisUrl, queueName: "orders", priorities: ["low", "high"], idleTimeout: 500 };
    const worker = await stage.worker(options);
    const other = await stage.worker(options);
    const job = worker.task(async (n: number) => {
      if (n < 0) throw new RangeError("negative");
      return await Promise.resolve(n);
    }, { name: "job", ttl: "1s" });
    const runs = [running(worker), running(other)];
    const tasks = await worker.enqueueMany(Array.from({ length: 50 }, (_, n) => job.enqueue(n)));
    const bad = await job.enqueue(-1).start({ priority: "high", id: "bad" });
    assertEquals((await Promise.all(tasks.map((task) => task.result()))).length, 50);
    assertEquals((await bad.result()).success, false);
    assertEquals([await bad.status(), await bad.info()], ["done", null]);
    // An entry that names no task, and one that a dead worker has left.
    const stream = "streaq:orders:queues:low";
    await admin.command(["XADD", stream, "*", "what", "ever"]);
    for (const run of runs) await run.stop();
    const last = await job.enqueue(1);
    await admin.command(["XREADGROUP", "GROUP", "workers", "dead", "COUNT", 10, "STREAMS", stream, ">"]);
    const run = running(worker);
    assertEquals((await last.result({ timeout: "5s" })).result, 1);
    await run.stop();
    const refusals = await admin.command<Map<string, string>[]>(["ACL", "LOG"]);
    assertEquals(refusals.map((entry) => entry.get("object")), []);
    await admin.command(["DEL", "streaq:orders:ts:dead"]);
    await assertClean(admin, "orders");
  });
});
