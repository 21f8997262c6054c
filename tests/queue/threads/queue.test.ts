import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { type RedisServer, startRedis } from "../../support/redis_server.ts";

describe("A module that registers tasks for threads and runs its worker", () => {
  let redis: RedisServer;
  before(async () => {
    redis = await startRedis();
    process.env["STREAQ_TEST_URL"] = redis.url;
  });
  after(() => redis.stop());

  it("is imported again in the thread, where it runs no worker and has no worker context", async () => {
    const { worker, compute, ask } = await import("./fixtures/queue.ts");
    const tasks = [await compute.enqueue(21), await ask.enqueue()] as const;
    await worker.run({ burst: true });
    const [computed, asked] = await Promise.all([tasks[0].result(), tasks[1].result()]);
    assertEquals(computed.result, { value: 42, tries: 1, isMainThread: false });
    assertInstanceOf(asked.exception, StreaqError);
    await worker.close();
  });
});
