import type { Delivery } from "../../../src/broker/contract/delivery.ts";
import type { Keys } from "../../../src/broker/redis/keys.ts";
import { fanOut, type FanOutReply } from "../../../src/broker/redis/scripts/dependents/fan_out.ts";
import { finish } from "../../../src/broker/redis/scripts/end/finish.ts";
import { link } from "../../../src/broker/redis/scripts/enqueue/link.ts";
import { publish } from "../../../src/broker/redis/scripts/enqueue/publish.ts";
import { fromBeginning, read } from "../../../src/broker/redis/scripts/lease/read.ts";
import { renew } from "../../../src/broker/redis/scripts/lease/renew.ts";
import { start } from "../../../src/broker/redis/scripts/lease/start.ts";
import { promote } from "../../../src/broker/redis/scripts/schedule/promote.ts";
import { schedule } from "../../../src/broker/redis/scripts/schedule/schedule.ts";
import { tick } from "../../../src/broker/redis/scripts/schedule/tick.ts";
import type { RedisClient } from "../../../src/redis/mod.ts";
import type { Scene } from "../scene.ts";

/**
 * A queue with two priorities. In `low`, `alpha` is leased by the worker `one`, `gamma` waits for it, and the schedule
 * `delta` is due; in `normal`, `beta` is leased, and the schedule `epsilon` is due. The worker `two` has joined.
 */
export interface Situation {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly deliveries: readonly [alpha: Delivery, beta: Delivery];
}

/** From lowest to highest. */
export const priorities = ["low", "normal"];
export const ttl = 60_000;
export const hour = 3_600_000;
/** When the schedules are due: in the past. */
export const dueTime = 1_700_000_000_000;
export const consumer = { name: "one-00000001", priorities, idleTimeout: 60_000 };
const versions = new Map([["fn-a", 1], ["fn-b", 2]]);
export const status = { workerId: "one", summary: "summary of one", versions };
export const other = { ...consumer, name: "two-00000002" };
export const options = { binary: false };
export const row = { isPiped: false, failure: undefined, token: undefined };
export const alphaLock = { fnName: "alpha", taskId: "alpha", token: "0".repeat(32) };
export const betaLock = { fnName: "beta", taskId: "beta", token: "0".repeat(32) };

export const cancellation = { taskId: "alpha", result: "aborted alpha", ttl, mark: "mark-of-alpha" };

/** Makes the situation, in a server that has nothing else. */
export async function situation(scene: Scene): Promise<Situation> {
  const { redis } = scene;
  await redis.command(["FLUSHALL"]);
  const keys = await scene.newQueue();
  await redis.command(["XGROUP", "CREATE", keys.stream("low"), "workers", "0", "MKSTREAM"]);
  await publish(redis, keys, [taskOf("alpha", "low"), taskOf("beta", "normal")]);
  await link(redis, keys, [{ ...row, task: taskOf("gamma", "low"), after: ["alpha"] }], new Map());
  await schedule(redis, keys, scheduleOf("delta", "low"), occurrenceOf("delta", 1));
  await schedule(redis, keys, scheduleOf("epsilon", "normal"), occurrenceOf("epsilon", 1));
  await renew(redis, keys, other, [], { workerId: "two", summary: "summary of two", versions });
  const { deliveries } = await read(redis, keys, consumer, 2, searchIn([]));
  const [alpha, beta] = deliveries.toSorted((a, b) => a.taskId < b.taskId ? -1 : 1) as [Delivery, Delivery];
  return { redis, keys, deliveries: [alpha, beta] };
}

/** Starts both tasks. */
export async function run({ redis, keys, deliveries }: Situation): Promise<void> {
  await start(redis, keys, consumer.name, deliveries, options);
}

export function taskOf(id: string, priority: string) {
  return { id, priority, data: `data of ${id}` };
}

export function scheduleOf(name: string, priority: string) {
  return { name, isStatic: true, expression: "0 0 * * *", timeZone: "UTC", priority, data: `data of ${name}` };
}

export function occurrenceOf(name: string, n: number) {
  return { taskId: `${name}-${n}`, data: `data of ${name}-${n}`, time: dueTime + n * hour };
}

export function tickOf(name: string, priority: string) {
  return { name, priority, timeZone: "UTC", time: dueTime + hour, next: occurrenceOf(name, 2) };
}

export function completionsOf({ deliveries }: Situation, success: boolean, resultTtl = ttl) {
  return deliveries.map((delivery) => ({ delivery, success, result: `result of ${delivery.taskId}`, ttl: resultTtl }));
}

/** Failures that are kept. */
export function keptFailuresOf(all: Situation) {
  return completionsOf(all, false).map((completion) => ({ ...completion, keep: hour }));
}

export function searchIn(cursors: readonly string[], dead: readonly string[] = []) {
  return { known: [], quarantined: 1, dead, cursors: fromBeginning(cursors) };
}

export async function runAndFinish(all: Situation, success: boolean): Promise<void> {
  await run(all);
  await finish(all.redis, all.keys, consumer.name, completionsOf(all, success));
}

/** Fails both tasks; their failures are kept, and `gamma` is still to fail. */
export async function fail(all: Situation): Promise<void> {
  await run(all);
  await finish(all.redis, all.keys, consumer.name, keptFailuresOf(all));
}

/** Fails `gamma` with `alpha`. */
export async function failGamma({ redis, keys }: Situation): Promise<FanOutReply> {
  const failure = { taskId: "gamma", dependency: "alpha", result: "failed gamma", ttl, keep: hour };
  return await fanOut(redis, keys, [failure], options);
}

/** Lists the dependents of `alpha`, which has succeeded. */
export async function listRelease({ redis, keys }: Situation): Promise<void> {
  await redis.command(["RENAME", keys.dependents("alpha"), keys.fanOut("alpha")]);
  await redis.command(["HSET", keys.fanOuts, "alpha", "1"]);
}

/** Begins a schedule's second occurrence, and promotes the first. */
export async function advance({ redis, keys }: Situation): Promise<void> {
  await tick(redis, keys, [tickOf("delta", "low"), tickOf("epsilon", "normal")]);
  await promote(redis, keys, priorities);
}
