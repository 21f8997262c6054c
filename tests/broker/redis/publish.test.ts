import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { NewTask } from "../../../src/broker/contract/task.ts";
import { publish } from "../../../src/broker/redis/scripts/enqueue/publish.ts";
import type { Reply } from "../../../src/resp/reply.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();

function task(id: string, options: Partial<NewTask> = {}): NewTask {
  return { id, priority: "normal", data: `data of ${id}`, ...options };
}

/** How often the server was asked whether keys exist. */
async function looks(): Promise<number> {
  const text = await scene.redis.command<string>(["INFO", "commandstats"]);
  return Number(/cmdstat_exists:calls=(\d+)/.exec(text)?.[1] ?? 0);
}

describe("publish()", () => {
  for (const count of [1, 3]) {
    it(`looks for ${count} earlier tasks unless they are fresh and sent for the first time`, async () => {
      const { redis } = scene;
      const { keys } = await scene.rig([]);
      const tasks = (name: string, isFresh: boolean) => {
        return Array.from({ length: count }, (_, i) => task(`${name}-${i}`, { isFresh }));
      };
      const before = await looks();
      assertEquals(await publish(redis, keys, tasks("a", true), { isFirst: true }), Array(count).fill("created"));
      assertEquals(await looks(), before);
      assertEquals(await publish(redis, keys, tasks("a", true)), Array(count).fill("exists"));
      assertEquals(await publish(redis, keys, tasks("a", false), { isFirst: true }), Array(count).fill("exists"));
      assertEquals(await redis.command(["XLEN", keys.stream("normal")]), count);
      assertEquals(await redis.command(["GET", keys.data("a-0")]), "data of a-0");
    });
  }

  it("answers for a single task that exists, has finished, or cannot be queued", async () => {
    const { redis } = scene;
    const { keys } = await scene.rig(["open"]);
    await redis.command(["SET", keys.result("finished"), "result"]);
    await redis.command(["SET", keys.ended("brief"), "1 mark"]);
    await redis.command(["SET", keys.stream("broken"), "text"]);
    for (const [id, expected] of [["open", "exists"], ["finished", "done"], ["brief", "done"]] as const) {
      assertEquals(await publish(redis, keys, [task(id)]), [expected]);
    }
    const [answer] = await publish(redis, keys, [task("refused", { priority: "broken" })]);
    assertStringIncludes((answer as Error).message, "WRONGTYPE");
    assertEquals(await redis.command(["EXISTS", keys.data("refused")]), 0);
  });

  it("answers for each of many tasks in its place, whatever their destinations", async () => {
    const { redis } = scene;
    const { keys } = await scene.rig(["open"]);
    await redis.command(["SET", keys.result("finished"), "result"]);
    await redis.command(["SET", keys.stream("broken"), "text"]);
    const answers = await publish(redis, keys, [
      task("a"),
      task("b"),
      task("open"),
      task("c", { priority: "high" }),
      task("refused", { priority: "broken" }),
      task("c"),
      task("later", { due: 60_000 }),
      task("later too", { due: 60_000, priority: "high" }),
      task("past", { due: new Date(0), priority: "high" }),
      task("finished"),
      task("d"),
    ]);
    const shown = answers.map((answer) => answer instanceof Error ? "error" : answer);
    const created = "created";
    assertEquals(shown.slice(0, 6), [created, created, "exists", created, "error", "exists"]);
    assertEquals(shown.slice(6), [created, created, created, "done", created]);
    const queued = async (priority: string) => {
      const entries = await redis.command<[string, string[]][]>(["XRANGE", keys.stream(priority), "-", "+"]);
      return entries.map(([, fields]) => fields[1]);
    };
    assertEquals(await queued("normal"), ["open", "a", "b", "d"]);
    assertEquals(await queued("high"), ["c", "past"]);
    const delayed = (priority: string): Promise<Reply> => redis.command(["ZRANGE", keys.delayed(priority), 0, -1]);
    assertEquals([await delayed("normal"), await delayed("high")], [["later"], ["later too"]]);
    assertEquals(await redis.command(["GET", keys.data("c")]), "data of c");
  });
});
