import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { handOver } from "../../../src/broker/redis/scripts/lease/hand_over.ts";
import { showRegistered } from "../../../src/broker/redis/scripts/lease/registered.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();
const versions = new Map([["a", 1], ["a b", 3], ["2", 1], ["^.*-", 12], ["ü", Number.MAX_SAFE_INTEGER]]);

/** Whether a worker that has recorded `registered` is handed each of these tasks. */
async function takes(registered: string, tasks: readonly [fnName: string, version: number][]): Promise<boolean[]> {
  const { keys, lease } = await scene.rig(tasks.map((_, i) => `task-${i}`));
  const { redis } = scene;
  const deliveries = await lease("one-00000001");
  await redis.command(["HSET", keys.registeredNames, "two-00000002", registered]);
  await redis.command(["SET", keys.health("two"), ""]);
  const misdeliveries = tasks.map(([fnName, version], i) => ({ delivery: deliveries[i]!, fnName, version }));
  return await handOver(redis, keys, "one-00000001", misdeliveries, { trustsAll: false });
}

describe("hand_over", () => {
  it("takes a worker that records names alone for one with version 1 of each", async () => {
    const tasks = [["a", 1], ["a", 2], ["b", 1], ["b", 2], ["c", 1]] as [string, number][];
    assertEquals(await takes(":a:b:", tasks), [true, false, true, false, false]);
    assertEquals(showRegistered(new Map([["a", 1], ["b", 1]])), ":a:b:");
  });

  it("hands a task to a worker that has registered its version or a later one", async () => {
    const tasks = [...versions].flatMap((
      [name, version],
    ): [string, number][] => [[name, version], [name, version + 1]]);
    // A number above 2^53 is no version.
    assertEquals(await takes(showRegistered(versions), tasks.slice(0, -1)), [
      ...[true, false, true, false, true, false, true, false],
      true,
    ]);
    const earlier = [...versions.keys()].map((name): [string, number] => [name, 1]);
    assertEquals(await takes(showRegistered(versions), earlier), [true, true, true, true, true]);
  });

  it("takes neither a version nor a part of a name for a name, nor two names for one", async () => {
    const names = ["1", "3", "1 3 1 12", "b", "a b:2", "a:a b", "", ":"];
    const tasks = names.map((name): [string, number] => [name, 1]);
    assertEquals(await takes(showRegistered(versions), tasks), names.map(() => false));
    assertEquals(await takes(":a:b:", tasks.slice(4)), [false, false, false, false]);
  });

  it("counts on version 1 where the versions that another client has recorded cannot be read", async () => {
    const tasks = [["a", 1], ["a", 2], ["b", 1], ["b", 2]] as [string, number][];
    for (const registered of [":a:b:x", ":a:b: ", ":a:b:--", ":a:b:\0"]) {
      assertEquals(await takes(registered, tasks), [true, false, true, false], registered);
    }
    assertEquals(await takes("", tasks), [false, false, false, false]);
    assertEquals(await takes("2 2", tasks), [false, false, false, false]);
  });
});
