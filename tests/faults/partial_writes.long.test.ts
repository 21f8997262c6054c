/**
 * Each script, with each key that it may touch replaced by one of a wrong type: either the error names the key and nothing
 * has changed, or everything is done except what needs that key.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Keys, KeyTable } from "../../src/broker/redis/keys.ts";
import type { RedisClient } from "../../src/redis/mod.ts";
import { factsOf } from "../broker/redis/queue_facts.ts";
import type { ScriptCall } from "../broker/redis/calls/script_call.ts";
import { scriptCalls } from "../broker/redis/script_calls.ts";
import { situation } from "../broker/redis/situation.ts";
import { Scene } from "../broker/scene.ts";

const scene = new Scene();

/** The key families of a queue. */
type Family = keyof KeyTable;

const taskIds = ["alpha", "gamma", "delta-1"];

/** The members of each family whose keys are broken; those of `beta` and `epsilon` never are. */
const members: Readonly<Record<Exclude<Family, "channel" | "replies" | "wake">, readonly string[]>> = {
  stream: ["low"],
  delayed: ["low"],
  data: taskIds,
  tries: taskIds,
  tried: [""],
  result: taskIds,
  output: taskIds,
  dependencies: taskIds,
  dependents: taskIds,
  depended: [""],
  lock: ["alpha"],
  health: ["one", "two"],
  scheduleExpressions: [""],
  scheduleTimes: [""],
  scheduleData: ["delta"],
  scheduleNotes: [""],
  pastOccurrences: ["delta"],
  unscheduled: ["delta"],
  registeredJobs: [""],
  running: [""],
  waiting: [""],
  inputs: [""],
  fanOuts: [""],
  fanOut: taskIds,
  registeredNames: [""],
  producers: [""],
  workers: [""],
  dropped: [""],
  priorities: [""],
  recent: [""],
  ended: taskIds,
  failures: [""],
  failedRecord: taskIds,
  failedInput: taskIds,
  failure: taskIds,
  failedWith: taskIds,
  purged: ["token"],
  retried: taskIds,
  deadLetters: [""],
  pythonRunning: [""],
  pythonResults: [""],
};

/** Sorted sets are replaced by a string, all other keys by a sorted set. */
const sortedSets: ReadonlySet<Family> = new Set(
  ["delayed", "scheduleTimes", "registeredJobs", "workers", "failures", "pythonResults"] as const,
);

/** Facts that are lost with a key, at once or later, and are not compared. */
const lost: Partial<Record<Family, RegExp>> = {
  // The occurrence counts as queued, so that its entry is dropped.
  delayed: /:ts:priorities |:ts:dropped /,
  // A released task is delayed until its stream is mended.
  stream: /:queues:delayed:low zset gamma/,
  // A finished task that has a record again has not finished.
  // A record of a wrong type is kept like any other, and shown to nobody.
  data: /delta-3|:ts:fail/,
  // No failure is kept without the list of all.
  failures: /:ts:fail/,
  // The input of a task is not found.
  inputs: /:task:previous:|:ts:failedinput:|:ts:failure:/,
  // The dependents keep waiting for a task that is gone, until `mend` fails them.
  dependents: /gamma|:ts:fanout|:ts:unscheduled/,
  dependencies: /gamma/,
  fanOut: /gamma/,
  // The dependents are listed until it is mended.
  waiting: /gamma|:ts:fanout/,
  // Whether the task had run is not known.
  running: /:task:retry:/,
  pastOccurrences: /delta-1/,
};

/** Facts that only spare scripts a look: a task too many in these sets harms nothing. */
const hints = /:ts:depended |:ts:tried /;

/** Tasks with their dependents, and a schedule: each group changes as a whole, or not at all. */
const groups = [["alpha", "gamma"], ["beta"], ["delta"], ["epsilon"]] as const;

/** The groups that have no part in a key of a single member. */
const others = ["beta", "epsilon"];

function keyOf(keys: Keys, family: Family, member: string): string {
  const key = keys[family];
  return typeof key === "string" ? key : key.call(keys, member);
}

async function spoil(redis: RedisClient, key: string, family: Family): Promise<void> {
  await redis.command(["DEL", key]);
  await redis.command(sortedSets.has(family) ? ["SET", key, "wrong"] : ["ZADD", key, 1, "wrong"]);
}

/** The facts by group, without those of one key and lost ones; those of no group are under `queue`. */
function grouped(
  facts: readonly string[],
  key: string,
  family: Family,
  { lost: lostInCall }: ScriptCall,
): Map<string, string> {
  const byGroup = new Map<string, string>(["queue", ...groups.map(([name]) => name)].map((name) => [name, ""]));
  for (const fact of facts) {
    if (fact.startsWith(`${key} `) || hints.test(fact)) continue;
    if (lost[family]?.test(fact) || lostInCall?.[family]?.test(fact)) continue;
    const group = groups.find((names) => names.some((name) => fact.includes(name)))?.[0] ?? "queue";
    byGroup.set(group, `${byGroup.get(group)}${fact}\n`);
  }
  return byGroup;
}

/** The queue after a call in which nothing is broken. */
async function controlOf({ before, call }: ScriptCall): Promise<string[]> {
  const all = await situation(scene);
  await before?.(all);
  await call(all);
  return await factsOf(all.redis, all.keys);
}

async function assertWhole(scriptCall: ScriptCall, control: readonly string[], family: Family, member: string) {
  const { before, call } = scriptCall;
  const all = await situation(scene);
  await before?.(all);
  const { redis, keys } = all;
  const key = keyOf(keys, family, member);
  const name = key.slice(keys.prefix.length);
  await spoil(redis, key, family);
  const earlier = await factsOf(redis, keys);
  const error: unknown = await call(all).then(() => null, (reason) => reason);
  const later = await factsOf(redis, keys);
  const [done, undone, found] = [control, earlier, later].map((facts) => grouped(facts, name, family, scriptCall)) as [
    Map<string, string>,
    Map<string, string>,
    Map<string, string>,
  ];
  if (error !== null) {
    assertStringIncludes(String(error), key);
    assertEquals(later, earlier, `${name}: ${error}`);
  }
  for (const [group, facts] of found) {
    const isElsewhere = member !== "" && others.includes(group);
    const isExpected = facts === done.get(group) || (facts === undone.get(group) && !isElsewhere);
    if (error === null || isElsewhere) assert(isExpected, `${name}: ${group} is left half done:\n${facts}`);
  }
}

describe("a script, with a key of a wrong type in the place of each key in turn", () => {
  for (const scriptCall of scriptCalls) {
    it(scriptCall.title, async () => {
      const control = await controlOf(scriptCall);
      const failures: string[] = [];
      for (const [family, names] of Object.entries(members)) {
        for (const member of names) {
          await assertWhole(scriptCall, control, family as Family, member).catch((e) => failures.push(String(e)));
        }
      }
      assertEquals(failures.join("\n"), "");
    });
  }

  it("covers each script", () => {
    const directory = new URL("../../src/broker/redis/scripts/", import.meta.url);
    const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).map((file) =>
      file.replaceAll("\\", "/")
    );
    const scripts = files.filter((file) => {
      return file.endsWith(".ts") && readFileSync(new URL(file, directory), "utf8").includes("new Script(");
    });
    assertEquals([...new Set(scriptCalls.map(({ script }) => script))].sort(), scripts.sort());
  });
});
