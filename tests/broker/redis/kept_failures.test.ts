import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { randomId } from "../../../src/base/id.ts";
import { pages } from "../../../src/broker/redis/chunks.ts";
import type { Keys } from "../../../src/broker/redis/keys.ts";
import { finish } from "../../../src/broker/redis/scripts/end/finish.ts";
import { link } from "../../../src/broker/redis/scripts/enqueue/link.ts";
import { publish } from "../../../src/broker/redis/scripts/enqueue/publish.ts";
import { read } from "../../../src/broker/redis/scripts/lease/read.ts";
import { start } from "../../../src/broker/redis/scripts/lease/start.ts";
import { tidy, tidyStart } from "../../../src/broker/redis/scripts/lease/tidy.ts";
import { keysOf } from "../../queue/keyspace.ts";
import { eventually } from "../../support/poll.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();
const [ttl, hour] = [60_000, 3_600_000];
const consumer = { name: "one-00000000", priorities: ["normal"], idleTimeout: 60_000 };

/** Fails tasks one call after another, and keeps their failures for so many milliseconds. */
async function failTasks(keys: Keys, ids: readonly string[], keep: number): Promise<void> {
  const { redis } = scene;
  const search = { known: [], quarantined: 1, dead: [], cursors: new Map<string, string>() };
  for (const page of pages(ids, 400)) {
    await publish(redis, keys, page.map((id) => ({ id, priority: "normal", data: "data" })));
    const { deliveries } = await read(redis, keys, consumer, page.length, search);
    await start(redis, keys, consumer.name, deliveries, { binary: false });
    const failure = { success: false, result: "failed", ttl, keep };
    await finish(redis, keys, consumer.name, deliveries.map((delivery) => ({ delivery, ...failure })));
  }
}

describe("kept failures", () => {
  it("of 12,000 tasks are the newest 10,000, and no key is left of the others", async () => {
    const { redis } = scene;
    const keys = await scene.newQueue();
    const ids = Array.from({ length: 12_000 }, () => randomId());
    await failTasks(keys, ids.slice(0, 400), hour);
    // One that failed with the oldest.
    const failure = { result: "failed", ttl, keep: hour, failedId: ids[0]! };
    const task = { id: "below", priority: "normal", data: "data" };
    const row = { task, after: [ids[0]!], isPiped: false, failure, token: undefined };
    assertEquals(await link(redis, keys, [row], new Map([[ids[0]!, false]])), [undefined]);
    assertEquals(await redis.command(["EXISTS", keys.failedWith(ids[0]!)]), 1);
    await failTasks(keys, ids.slice(400), hour);
    assertEquals(await redis.command(["ZCARD", keys.failures]), 10_000);
    const left = (await keysOf(redis, keys.prefix)).filter((key) => key.includes(":ts:fail"));
    const kept = ids.slice(-10_000);
    const expected = [keys.failures, ...kept.flatMap((id) => [keys.failedRecord(id), keys.failure(id)])];
    assertEquals(left.sort(), expected.sort());
  });

  it("that have expired leave the list of all with the worker that tidies up", async () => {
    const { redis } = scene;
    const keys = await scene.newQueue();
    const ids = Array.from({ length: 500 }, (_, n) => `task-${n}`);
    await failTasks(keys, ids.slice(350), hour);
    await failTasks(keys, ids.slice(0, 350), 1);
    const records = ids.slice(0, 350).map((id) => keys.failedRecord(id));
    await eventually(async () => assertEquals(await redis.command(["EXISTS", ...records]), 0));
    assertEquals(await redis.command(["ZCARD", keys.failures]), 500);
    let [cursors, calls] = [tidyStart, 0];
    do {
      cursors = await tidy(redis, keys, consumer, cursors);
      calls++;
    } while (cursors.failures > 0);
    assertEquals(await redis.command(["ZCARD", keys.failures]), 150);
    assert(calls >= 5, "a call looks at 100");
    // The list lives as long as the failure that is kept longest.
    assert(await redis.command<number>(["PTTL", keys.failures]) > hour / 2);
  });
});
