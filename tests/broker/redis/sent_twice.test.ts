/** A script whose reply was lost is sent again: it answers the same, and changes nothing more. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { abort } from "../../../src/broker/redis/scripts/end/abort.ts";
import { retry } from "../../../src/broker/redis/scripts/end/retry.ts";
import { link } from "../../../src/broker/redis/scripts/enqueue/link.ts";
import { publish } from "../../../src/broker/redis/scripts/enqueue/publish.ts";
import { Scene } from "../scene.ts";
import { factsOf } from "./queue_facts.ts";
import { scriptCalls } from "./script_calls.ts";
import { cancellation, priorities, run, situation } from "./situation.ts";

const scene = new Scene();

/** An answer without the time, and without spans of time. */
function untimed(answer: unknown): unknown {
  const isTime = (key: string, value: unknown) => typeof value === "number" && ["time", "next"].includes(key);
  return JSON.parse(JSON.stringify(answer ?? null, (key, value) => isTime(key, value) ? 0 : value));
}

describe("a script that is sent twice answers the same, and changes nothing more", () => {
  for (const { title, before, call, counts = false } of scriptCalls) {
    it(title, async () => {
      const all = await situation(scene);
      await before?.(all);
      const answer = await call(all);
      const facts = await factsOf(all.redis, all.keys);
      const again = await call(all);
      if (!counts) assertEquals(untimed(again), untimed(answer));
      assertEquals(await factsOf(all.redis, all.keys), facts);
    });
  }

  it("publish and link, which then find the tasks stored", async () => {
    const { redis, keys } = await situation(scene);
    const data = { priority: "normal", data: "data" };
    const tasks = [{ id: "a", ...data }, { id: "b", ...data, due: 3_600_000 }];
    const linked = {
      isPiped: false,
      failure: undefined,
      token: undefined,
      task: { id: "c", ...data },
      after: ["alpha"],
    };
    assertEquals(await publish(redis, keys, tasks), ["created", "created"]);
    assertEquals(await link(redis, keys, [linked], new Map()), [undefined]);
    const facts = await factsOf(redis, keys);
    assertEquals(await publish(redis, keys, tasks), ["exists", "exists"]);
    assertEquals(await link(redis, keys, [linked], new Map()), [{ kind: "exists" }]);
    assertEquals(await factsOf(redis, keys), facts);
  });

  it("retry, even if another worker has started the task meanwhile and died", async () => {
    const all = await situation(scene);
    await run(all);
    const { redis, keys, deliveries: [delivery] } = all;
    const deferral = { delivery, tries: 1, until: new Date(5000) };
    assertEquals(await retry(redis, keys, "one-00000001", [deferral]), [true]);
    await redis.command(["INCR", keys.tries("alpha")]);
    assertEquals(await retry(redis, keys, "one-00000001", [deferral]), [true]);
  });

  it("abort, even if a new task has the id meanwhile", async () => {
    const { redis, keys } = await situation(scene);
    const again = { ...cancellation, ttl: 0 };
    assertEquals((await abort(redis, keys, priorities, again)).aborted, true);
    await redis.command(["SET", keys.data("alpha"), "new"]);
    assertEquals((await abort(redis, keys, priorities, again)).aborted, true);
    assertEquals(await redis.command(["GET", keys.data("alpha")]), "new");
  });
});
