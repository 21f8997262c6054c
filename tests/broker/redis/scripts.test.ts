import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Completion } from "../../../src/broker/contract/completing.ts";
import type { Started } from "../../../src/broker/contract/delivery.ts";
import { abort } from "../../../src/broker/redis/scripts/end/abort.ts";
import { begin } from "../../../src/broker/redis/scripts/lease/begin.ts";
import { finish } from "../../../src/broker/redis/scripts/end/finish.ts";
import { leave } from "../../../src/broker/redis/scripts/lease/leave.ts";
import { promote } from "../../../src/broker/redis/scripts/schedule/promote.ts";
import { schedule } from "../../../src/broker/redis/scripts/schedule/schedule.ts";
import { unschedule } from "../../../src/broker/redis/scripts/schedule/unschedule.ts";
import { publish } from "../../../src/broker/redis/scripts/enqueue/publish.ts";
import { retry } from "../../../src/broker/redis/scripts/end/retry.ts";
import { tidy, tidyStart } from "../../../src/broker/redis/scripts/lease/tidy.ts";
import { start } from "../../../src/broker/redis/scripts/lease/start.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();

describe("the script", () => {
  it("finish answers the same when it is sent twice, even if the result is not kept", async () => {
    const { redis } = scene;
    const { keys, lease } = await scene.rig(["brief"]);
    const [delivery] = await lease("one");
    await start(redis, keys, "one", [delivery!], { binary: false });
    const completion: Completion = { delivery: delivery!, success: true, result: "result", ttl: 0 };
    assertEquals(await finish(redis, keys, "one", [completion]), { ends: [true], listed: 0 });
    assertEquals(await finish(redis, keys, "one", [completion]), { ends: [true], listed: 0 });
  });

  it("finish finishes the other tasks when the result key of one has the wrong type", async () => {
    const { redis } = scene;
    const { keys, lease } = await scene.rig(["one", "two", "three"]);
    const deliveries = await lease("one");
    const { entryId } = deliveries[1]!;
    await redis.command(["XACK", keys.stream("normal"), "workers", entryId]);
    await redis.command(["XDEL", keys.stream("normal"), entryId]);
    await redis.command(["LPUSH", keys.result("two"), "x"]);
    const completions = deliveries.map((delivery) => ({ delivery, success: true, result: "result", ttl: 60_000 }));
    assertEquals((await finish(redis, keys, "one", completions)).ends, [true, false, true]);
    assertEquals(await redis.command(["EXISTS", keys.data("one"), keys.data("three")]), 0);
  });

  it("finish deletes its entries although another client has left as many behind that it has acknowledged", async () => {
    const { redis } = scene;
    const ids = Array.from({ length: 5 }, (_, i) => String(i));
    const { keys, lease } = await scene.rig([...ids.map((id) => `left-${id}`), "slow", ...ids]);
    const deliveries = await lease("one");
    const left = deliveries.slice(0, 5).map(({ entryId }) => entryId);
    await redis.command(["XACK", keys.stream("normal"), "workers", ...left]);
    const completions = deliveries.slice(6).map((delivery) => (
      { delivery, success: true, result: "result", ttl: 60_000 }
    ));
    assertEquals((await finish(redis, keys, "one", completions)).ends, completions.map(() => true));
    const entries = await redis.command<[string, string[]][]>(["XRANGE", keys.stream("normal"), "-", "+"]);
    assertEquals(entries.map(([, fields]) => fields[1]).filter((id) => !id!.startsWith("left-")), ["slow"]);
  });

  it("leave spends no try of a task that was started behind a read whose reply was lost", async () => {
    const { redis } = scene;
    const { keys, consumer, lease } = await scene.rig(["task"]);
    await lease("one");
    await begin(redis, keys, consumer("one"), 1, new Map(), { binary: false, timeout: 5000 });
    await leave(redis, keys, consumer("one"), "one", []);
    const deliveries = await lease("two", true);
    const [started] = await start(redis, keys, "two", deliveries, { binary: false }) as [Started];
    assertEquals([started.tries, started.isFirst, started.data], [1, true, "data"]);
  });

  it("leave spends the try of a task that ran but whose outcome could not be stored", async () => {
    const { redis } = scene;
    const { keys, consumer, lease } = await scene.rig(["task"]);
    await start(redis, keys, "one", await lease("one"), { binary: false });
    await leave(redis, keys, consumer("one"), "one", ["task"]);
    const [started] = await start(redis, keys, "two", await lease("two", true), { binary: false }) as [Started];
    assertEquals([started.tries, started.crashes], [2, 1]);
  });

  it("retry returns an error when a key has the wrong type, and the task stays leased", async () => {
    const { redis } = scene;
    const { keys, lease } = await scene.rig(["one", "two"]);
    const deliveries = await lease("one");
    await redis.command(["SET", keys.delayed("normal"), "text"]);
    const [answer] = await retry(redis, keys, "one", [{ delivery: deliveries[0]!, tries: 1, until: 0 }]);
    assertStringIncludes((answer as Error).message, "WRONGTYPE");
    assertEquals(await start(redis, keys, "one", deliveries, { binary: false }).then((starts) => starts.length), 2);
  });

  it("promote moves due tasks in the order of their due times, and returns when the next one is due", async () => {
    const { redis } = scene;
    const { keys, lease } = await scene.rig(["one", "two", "three"]);
    const deliveries = await lease("one");
    const untils = [new Date(2000), new Date(1000), 60_000];
    await retry(redis, keys, "one", deliveries.map((delivery, i) => ({ delivery, tries: 1, until: untils[i]! })));
    const { promoted, next } = await promote(redis, keys, ["normal"]);
    assertEquals([promoted, next! > 55_000 && next! <= 60_000], [2, true]);
    assertEquals((await lease("two")).map(({ taskId }) => taskId), ["two", "one"]);
  });

  it("abort drops one entry per abort, not the entry of a later task with the same id", async () => {
    const { redis } = scene;
    const { keys, lease } = await scene.rig(["task"]);
    const cancellation = { taskId: "task", result: "aborted", ttl: 60_000, mark: "mark" };
    assertEquals((await abort(redis, keys, ["normal"], cancellation)).aborted, true);
    await redis.command(["DEL", keys.result("task"), keys.ended("task")]);
    await publish(redis, keys, [{ id: "task", priority: "normal", data: "new" }]);
    const leased = [...await lease("one"), ...await lease("one")];
    const starts = await start(redis, keys, "one", leased, { binary: false });
    assertEquals(starts.map((answer) => typeof answer === "string" ? answer : answer.data), ["ended", "new"]);
    assertEquals(await redis.command(["EXISTS", keys.dropped]), 0);
  });

  it("unschedule notes the priority of withdrawn occurrences whose entries are to be dropped", async () => {
    const { redis } = scene;
    const keys = await scene.newQueue();
    const definition = { name: "job", isStatic: true, expression: "0 0 * * *", timeZone: "UTC", priority: "normal" };
    await schedule(redis, keys, { ...definition, data: "data" }, { taskId: "occurrence", data: "data", time: 1000 });
    assertEquals((await promote(redis, keys, ["normal"])).promoted, 1);
    await unschedule(redis, keys, "job", { withdraw: true });
    assertEquals(await redis.command(["HGET", keys.dropped, "occurrence"]), "1");
    assertEquals(await redis.command(["SISMEMBER", keys.priorities, "normal"]), 1);
  });

  it("tidy keeps the count of entries to be dropped until the streams of all priorities are empty", async () => {
    const { redis } = scene;
    const { keys, consumer, lease } = await scene.rig(["task"]);
    await redis.command(["XGROUP", "CREATE", keys.stream("other"), "workers", "0", "MKSTREAM"]);
    const cancellation = { taskId: "task", result: "aborted", ttl: 60_000, mark: "mark" };
    const other = { name: "other", priorities: ["other"], idleTimeout: 60_000 };
    assertEquals((await abort(redis, keys, ["normal", "other"], cancellation)).aborted, true);
    await tidy(redis, keys, other, tidyStart);
    assertEquals(await redis.command(["HGET", keys.dropped, "task"]), "1");
    await redis.command(["XTRIM", keys.stream("normal"), "MAXLEN", 0]);
    await redis.command(["SET", keys.priorities, "x"]);
    await tidy(redis, keys, other, tidyStart);
    assertEquals(await redis.command(["HGET", keys.dropped, "task"]), "1");
    await redis.command(["DEL", keys.priorities]);
    await tidy(redis, keys, consumer("one"), tidyStart);
    assertEquals(await redis.command(["HGET", keys.dropped, "task"]), "1");
    await tidy(redis, keys, consumer("one"), tidyStart);
    assertEquals(await redis.command(["EXISTS", keys.dropped, keys.priorities]), 0);
    assertEquals(await lease("one"), []);
  });
});
