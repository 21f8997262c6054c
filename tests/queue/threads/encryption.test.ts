import { Buffer } from "node:buffer";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { type RedisServer, startRedis } from "../../support/redis_server.ts";
import { keyOf } from "../records/encryption_keys.ts";

describe("A module with a worker that encrypts", () => {
  let redis: RedisServer;
  before(async () => {
    redis = await startRedis();
    process.env["STREAQ_TEST_URL"] = redis.url;
    process.env["STREAQ_TEST_KEY"] = Buffer.from(keyOf("key")).toString("base64");
  });
  after(() => redis.stop());

  it("runs its tasks in threads, which enqueue tasks with the same key", async () => {
    const { worker, compute, relay, fail } = await import("./fixtures/encrypted.ts");
    const [computed, relayed] = [await compute.enqueue(21), await relay.enqueue(1)];
    const failed = await fail.enqueue();
    await worker.run({ burst: true });
    assertEquals(await computed.value(), { value: 42, isMainThread: false });
    const { result } = await worker.resultById(await relayed.value());
    assertEquals(result, { value: 2, isMainThread: false });
    const { exception } = await failed.result();
    assertInstanceOf(exception, RangeError);
    assertEquals(exception.message, "too far");
    await worker.close();
  });
});
