import type { Cell } from "../run/cell.ts";
import { readRedisStats } from "../run/redis_stats.ts";
import type { Subject } from "../run/subject.ts";
import { count as integer, digits } from "../report/format.ts";
import type { Column, Measure, Values } from "./measure.ts";
import { CONCURRENCY, drain, PER_CALL, systemOf, timeOf, warmUp } from "./queue.ts";
import { type Command, Recorder } from "./recorder.ts";
import { prepare, replay } from "./replay.ts";
import type { Scale } from "./scale.ts";

const streaq: Subject = { name: "streaq", runtime: "node" };
const bareSocket: Subject = { name: "bare socket", runtime: "node" };

const QUEUE = "bench";
const STREAM = `streaq:${QUEUE}:queues:normal`;

const columns: readonly Column[] = [
  { key: "enqueue", label: "enqueued/s", format: integer, main: true },
  { key: "enqueueRedis", label: "Redis µs to enqueue", format: digits },
  { key: "drain", label: "drained/s", format: integer, main: true },
  { key: "drainRedis", label: "Redis µs to drain", format: digits },
];

/** The rate that the server sustains when the library costs nothing. */
export function limit({ tasks, warmUp: warmUpTasks }: Scale): Measure {
  const count = Math.min(...tasks);
  return {
    name: "limit",
    title: "The limit",
    text:
      `What Redis alone sustains for the same life of ${integer(count)} tasks. The commands that streaq sends while ` +
      "it enqueues the tasks in bulk and one worker drains them are recorded by a proxy. Then a bare socket sends the " +
      "same commands to an empty server, prepared as bytes and without waiting for replies; only the ids of the stream's " +
      "entries, which the server chooses, are replaced. All tasks must be complete afterwards.",
    kind: "queue",
    subjects: [bareSocket, streaq],
    parts: [{
      name: "limit",
      key: "limit",
      tables: [{ title: `${integer(count)} tasks`, columns }],
      run: (cell, subject) => subject === bareSocket ? runBare(cell, count) : runStreaq(cell, count, warmUpTasks),
    }],
    baseline: "streaq",
  };
}

async function runStreaq(cell: Cell, count: number, warmUpTasks: number): Promise<Values> {
  const system = systemOf(streaq);
  await warmUp(cell, system, warmUpTasks);
  const { enqueueMs, drainMs, enqueueCost, drainCost } = await drain(cell, system, { work: { task: "noop" }, count });
  return {
    enqueue: count / enqueueMs * 1000,
    enqueueRedis: timeOf("redis", enqueueCost, count),
    drain: count / drainMs * 1000,
    drainRedis: timeOf("redis", drainCost, count),
  };
}

async function runBare(cell: Cell, count: number): Promise<Values> {
  const { enqueuing, draining, entries } = await record(cell, count);
  await cell.clear();
  const enqueued = await measure(cell, prepare(enqueuing));
  const renamed = new Map(entries.map((id, n) => [id, enqueued.entries[n]!]));
  if (enqueued.entries.length !== count) {
    throw new Error(`Only ${enqueued.entries.length} of ${count} tasks were enqueued`);
  }
  const drained = await measure(
    cell,
    prepare(draining, (argument) => argument.replace(/\b\d{13}-\d+\b/g, (id) => renamed.get(id) ?? id)),
  );
  if (drained.entries.length !== 0) throw new Error(`${drained.entries.length} of ${count} tasks were not completed`);
  return {
    enqueue: count / enqueued.ms * 1000,
    enqueueRedis: enqueued.cpuMs / count * 1000,
    drain: count / drained.ms * 1000,
    drainRedis: drained.cpuMs / count * 1000,
  };
}

/** Resolves to what streaq sends, and to the ids of the stream's entries between the two. */
async function record(
  cell: Cell,
  count: number,
): Promise<{ enqueuing: readonly Command[]; draining: readonly Command[]; entries: readonly string[] }> {
  await using recorder = await Recorder.open(Number(new URL(cell.redisUrl).port));
  const producer = cell.side("producer", streaq);
  const worker = cell.side("worker-1", streaq);
  await producer.call("openProducer", recorder.url, QUEUE);
  await producer.call("enqueueBulk", { task: "noop" }, count, PER_CALL);
  const enqueuing = recorder.take();
  const entries = await entriesOf(cell);
  await worker.call("openConsumer", recorder.url, QUEUE, CONCURRENCY);
  await worker.call("start");
  await cell.waitForTotal(count, () => systemOf(streaq).countComplete(cell.redis, QUEUE, count));
  const draining = recorder.take();
  await worker.call("close");
  await producer.call("close");
  return { enqueuing, draining, entries };
}

/** Replays prepared bytes. Resolves to what it took, and to the entries that are in the stream afterwards. */
async function measure(
  cell: Cell,
  bytes: Uint8Array,
): Promise<{ ms: number; cpuMs: number; entries: readonly string[] }> {
  const before = await readRedisStats(cell.redis);
  const ms = await cell.observe(() => replay(Number(new URL(cell.redisUrl).port), bytes));
  const after = await readRedisStats(cell.redis);
  return { ms, cpuMs: after.cpuMs - before.cpuMs, entries: await entriesOf(cell) };
}

async function entriesOf(cell: Cell): Promise<readonly string[]> {
  const entries = await cell.redis.command<[string, string[]][]>(["XRANGE", STREAM, "-", "+"]);
  return entries.map(([id]) => id);
}
