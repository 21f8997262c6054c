/** Records that are larger than the worker that reads them accepts. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import type { Start } from "../../src/broker/contract/delivery.ts";
import { begin } from "../../src/broker/redis/scripts/lease/begin.ts";
import { start } from "../../src/broker/redis/scripts/lease/start.ts";
import { Scene } from "../broker/scene.ts";
import { inMemory } from "../queue/brokers.ts";
import { Stage } from "../queue/stage.ts";

const scene = new Scene();
const stage = new Stage(inMemory);

/** A queue with records of 4, 5 and 6 bytes, one of them not in ASCII, and one that is gone. */
async function setUp() {
  const { redis } = scene;
  const { keys, consumer, lease } = await scene.rig(["fits", "text", "large", "gone"]);
  await redis.command(["SET", keys.data("text"), "ääa"]);
  await redis.command(["SET", keys.data("large"), "xxxxxx"]);
  await redis.command(["DEL", keys.data("gone")]);
  return { redis, keys, consumer, deliveries: await lease("one") };
}

function shown(starts: readonly Start[]): unknown[] {
  return starts.map((answer) => typeof answer === "object" ? [answer.data, answer.size] : answer);
}

const expected = [["data", null], ["ääa", null], [null, 6], [null, null]];

describe("a record of more than maxPayload bytes", () => {
  it("is not loaded by start", async () => {
    const { redis, keys, deliveries } = await setUp();
    const starts = await start(redis, keys, "one", deliveries, { binary: false, maxPayload: 5 });
    assertEquals(shown(starts), expected);
    const binary = await start(redis, keys, "one", deliveries, { binary: true, maxPayload: 5 });
    assertEquals(binary.map((answer) => typeof answer === "object" && answer.size), [null, null, 6, null]);
  });

  it("is not loaded by begin", async () => {
    const { redis, keys, consumer } = await setUp();
    const options = { ...consumer("one"), maxPayload: 5 };
    const begun = await begin(redis, keys, options, 5, new Map(), { binary: false, timeout: 1000 });
    assertEquals(shown([...begun.values()]), expected);
  });

  for (const signingSecret of [undefined, "secret"]) {
    it(`becomes one failed result, and others run: ${signingSecret ? "signed" : "not signed"}`, async () => {
      const queueName = stage.newQueue();
      const shared = { queueName, ...signingSecret && { signingSecret } };
      const producer = await stage.worker(shared);
      const text = "x".repeat(400);
      const job = producer.task((_: string) => 1, { name: "job" });
      const requests = [`${text}x`, text].map((value) => job.enqueue(value));
      const [bad, good] = await producer.enqueueMany(requests);
      // Exactly the size of the smaller record, without its signature.
      const record = { f: "job", a: [text], k: {}, t: Date.now(), i: good!.id };
      const maxPayload = JSON.stringify(record).length;
      const worker = await stage.worker({ ...shared, maxPayload });
      worker.task((_: string) => 1, { name: "job" });
      await worker.run({ burst: true });
      assertEquals((await good!.result()).success, true);
      const size = maxPayload + 1 + (signingSecret ? 32 : 0);
      const message = `Cannot run task ${
        bad!.id
      }: expected a record of at most ${maxPayload} bytes (maxPayload), got ${size}`;
      const { exception } = await bad!.result();
      assertEquals(exception?.message, message);
    });
  }
});
