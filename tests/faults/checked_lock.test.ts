import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { checked, ValidationError } from "../../mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, Stage } from "../queue/stage.ts";
import { schema } from "../queue/tasks/schema.ts";

const stage = new Stage(onRedis);

describe("after a worker died in a unique task", () => {
  it("its lock is released when the worker that takes it over finds its arguments invalid", async () => {
    const worker = await stage.worker({ idleTimeout: 200 });
    // As after a deployment with a stricter schema.
    const strict = schema<number>((value) => value === 1 ? { value } : { issues: [{ message: "Not 1" }] });
    const job = worker.task("job", checked([strict], () => "done"), { unique: true, timeout: "1m" });
    const first = await worker.enqueueUnsafe("job", 2);
    // The state that the dead worker leaves behind, with a lock that expires in an hour.
    const prefix = `streaq:${worker.queueName}`;
    const stream = `${prefix}:queues:normal`;
    await worker.redis.command(["XGROUP", "CREATE", stream, "workers", "0"]);
    await worker.redis.command(["XREADGROUP", "GROUP", "workers", "dead", "COUNT", 1, "STREAMS", stream, ">"]);
    await worker.redis.command(["HSET", `${prefix}:ts:running`, first.id, "0-1 1 0 normal:dead"]);
    const token = "0123456789abcdef".repeat(2);
    await worker.redis.command(["SET", `${prefix}:task:lock:job`, `${first.id} ${token}`, "PX", 3_600_000]);
    const run = running(worker);
    assertInstanceOf((await first.result({ timeout: "60s" })).exception, ValidationError);
    assertEquals(await (await job.enqueue(1)).value({ timeout: "60s" }), "done");
    await run.stop();
    await stage.assertClean(worker);
  });
});
