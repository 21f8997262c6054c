/** A worker that is started by mistake on a queue of streaQ for Python. */
import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError } from "../../src/base/errors.ts";
import { onRedis } from "../queue/brokers.ts";
import { Stage } from "../queue/stage.ts";

const stage = new Stage(onRedis);

describe("a queue of streaQ for Python", () => {
  for (const name of ["index:running", "index:results"]) {
    it(`is refused by run() when its key :${name} exists, and its tasks are left alone`, async () => {
      const worker = await stage.worker();
      const { redis, queueName } = worker;
      const prefix = `streaq:${queueName}`;
      await redis.command(
        name === "index:running" ? ["SADD", `${prefix}:${name}`, "17"] : ["ZADD", `${prefix}:${name}`, 1, "17"],
      );
      await redis.command(["SET", `${prefix}:task:data:17`, '{"f":"double","a":[21],"k":{},"t":1}']);
      await redis.command(["XADD", `${prefix}:queues:normal`, "*", "task_id", "17", "enqueue_time", 1]);
      worker.task((n: number) => 2 * n, { name: "double" });
      const error = await assertRejects(() => worker.run({ burst: true }), StreaqError) as Error;
      assertStringIncludes(error.message, `Cannot join queue ${queueName}`);
      assertStringIncludes(error.message, `${prefix}:${name}`);
      assertEquals(await redis.command(["EXISTS", `${prefix}:task:data:17`, `${prefix}:task:results:17`]), 1);
      assertEquals(await redis.command(["EXISTS", `${prefix}:health:${worker.id}`]), 0);
      await redis.command(["DEL", `${prefix}:${name}`]);
      await worker.run({ burst: true });
      assertEquals(await redis.command(["EXISTS", `${prefix}:task:data:17`]), 0);
    });
  }
});
