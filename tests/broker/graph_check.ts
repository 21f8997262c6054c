import { assert, assertEquals } from "@std/assert";
import type { Keys } from "../../src/broker/redis/keys.ts";
import { findState } from "../../src/broker/redis/scripts/look/find.ts";
import type { Obstacle } from "../../src/broker/redis/scripts/enqueue/obstacle.ts";
import type { RedisClient } from "../../src/redis/mod.ts";
import type { GraphModel } from "./graph_model.ts";

/** From lowest to highest. */
export const priorities = ["low", "high"];

/** Checks that Redis holds the same as the model. */
export async function checkGraph(redis: RedisClient, keys: Keys, model: GraphModel): Promise<void> {
  const { tasks, dependencies, dependents, gathering, listed } = model;
  await checkFailures(redis, keys, model);
  for (const [id, task] of tasks) {
    assertEquals(await findState(redis, keys, priorities, id), model.stateOf(id), id);
    assertEquals(await redis.command(["GET", keys.result(id)]), task.result ?? null, `result of ${id}`);
  }
  for (const id of [...tasks.keys(), ...gathering.keys()]) {
    const stored = [await membersOf(redis, keys.dependencies(id)), await membersOf(redis, keys.dependents(id))];
    assertEquals(
      stored,
      [sorted(dependencies.get(id) ?? []), sorted(dependents.get(id) ?? [])],
      `dependencies and dependents of ${id}`,
    );
  }
  const values = await hash(redis, keys.waiting);
  const waiting = [...tasks.values()].filter(({ place }) => place === "waiting");
  assertEquals(sorted(values.keys()), sorted(new Set([...waiting.map(({ id }) => id), ...gathering.keys()])));
  for (const { id, priority } of waiting) assertEquals(values.get(id), priority);
  for (const [id, token] of gathering) assert(values.get(id)!.endsWith(` ${token}`), `token of ${id}`);
  const lists = await hash(redis, keys.fanOuts);
  assertEquals(sorted(lists.keys()), sorted(listed.keys()), "listed fan-outs");
  for (const [id, { outcome, ids }] of listed) {
    assertEquals([lists.get(id), await membersOf(redis, keys.fanOut(id))], [outcome, sorted(ids)]);
  }
  // A task that waits for another is a dependent of that one, or of its fan-out.
  for (const [id, ids] of dependencies) {
    for (const dependency of ids) {
      const isDependent = dependents.get(dependency)?.has(id) || listed.get(dependency)?.ids.has(id);
      assert(isDependent, `${id} is a dependent of ${dependency}`);
    }
  }
}

async function checkFailures(redis: RedisClient, keys: Keys, { tasks, kept, companions }: GraphModel): Promise<void> {
  assertEquals(sorted(await redis.command<string[]>(["ZRANGE", keys.failures, 0, -1])), sorted(kept.keys()));
  for (const [id, { priority, result }] of tasks) {
    const failure = kept.get(id);
    const { root, blocker } = failure ?? { root: "", blocker: "" };
    const source = [...tasks.values()].find(({ id: other, next }) => next === id && tasks.get(other)!.success)?.id ??
      "";
    const sizes = [root, blocker, source].map(({ length }) => length);
    const expected = failure ? [priority, ...sizes, `${root}${blocker}${source}${result}`].join(":") : null;
    assertEquals(await redis.command(["GET", keys.failure(id)]), expected, `failure of ${id}`);
    assertEquals(await redis.command(["EXISTS", keys.failedRecord(id)]), Number(kept.has(id)), `record of ${id}`);
    assertEquals(await membersOf(redis, keys.failedWith(id)), sorted(companions.get(id) ?? []), `failed with ${id}`);
  }
}

/** The sorted members of a set. */
export async function membersOf(redis: RedisClient, key: string): Promise<string[]> {
  return sorted(await redis.command<string[]>(["SMEMBERS", key]));
}

/** An obstacle in the form of the model. */
export function show(obstacle: Obstacle | undefined): string[] {
  if (!obstacle) return [];
  if ("taskIds" in obstacle) return [obstacle.kind, ...obstacle.taskIds];
  return "taskId" in obstacle ? [obstacle.kind, obstacle.taskId] : [obstacle.kind];
}

async function hash(redis: RedisClient, key: string): Promise<Map<string, string>> {
  return await redis.command<Map<string, string>>(["HGETALL", key]);
}

function sorted(values: Iterable<string>): string[] {
  return [...values].sort();
}
