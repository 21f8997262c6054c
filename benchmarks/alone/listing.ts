/**
 * The cost of inspecting a queue that holds 1,000,000 tasks in one state. Prints the median and the slowest of 50 calls
 * of each kind, in milliseconds, and the slowest command on the server meanwhile.
 *
 * Run it with `node --import tsx`, `bun` or `deno run -A`; `--tasks 100000` makes it shorter.
 */
import { parseArgs } from "node:util";
import { type TaskStatus, Worker } from "../../mod.ts";
import { startRedis } from "../../tests/support/redis_server.ts";

const { values } = parseArgs({ options: { tasks: { type: "string", default: "1000000" } } });
const count = Number(values.tasks);
const rounds = 50;
const states = ["queued", "scheduled", "running", "done"] as const;

await using server = await startRedis({ args: ["--save", "", "--appendonly", "no"] });
const worker = new Worker({ redisUrl: server.url, queueName: "listing", handleSignals: false });
const job = worker.task(async function job(n: number) {
  return await Promise.resolve(n);
});
const prefix = "streaq:listing";

/** Puts queued tasks into a state by writing its keys, as running all of them would take too long. */
const fill: Record<(typeof states)[number], (ids: readonly string[]) => Promise<unknown>> = {
  queued: async () => {},
  scheduled: async (ids) => {
    const due = Date.now() + 3_600_000;
    await worker.redis.command(["ZADD", `${prefix}:queues:delayed:normal`, ...ids.flatMap((id, i) => [due + i, id])]);
  },
  running: async (ids) => {
    const marks = ids.flatMap((id, i) => [id, `1-${i} 1 0 normal:bench`]);
    await worker.redis.command(["HSET", `${prefix}:ts:running`, ...marks]);
  },
  done: async (ids) => {
    const record = (i: string) =>
      JSON.stringify({ f: "job", ct: 1, et: 1, s: true, r: 1, st: 1, ft: 1, t: 1, w: "bench", i });
    await worker.redis.command(["MSET", ...ids.flatMap((id) => [`${prefix}:task:results:${id}`, record(id)])]);
    await worker.redis.command(["LPUSH", `${prefix}:ts:results`, ...ids]);
    await worker.redis.command(["LTRIM", `${prefix}:ts:results`, 0, 9999]);
  },
};

for (const state of states) {
  await worker.redis.command(["FLUSHALL"]);
  const ids = await populate(state);
  await worker.redis.command(["CONFIG", "RESETSTAT"]);
  await worker.redis.command(["CONFIG", "SET", "slowlog-log-slower-than", 1000]);
  await worker.redis.command(["SLOWLOG", "RESET"]);
  const id = () => ids[Math.floor(Math.random() * ids.length)]!;
  console.log(`\n${count.toLocaleString("en")} tasks ${state}`);
  await time("getTasksByStatus()", () => worker.getTasksByStatus(state as typeof TaskStatus.Queued));
  await time("getTasksByStatus(limit 1000)", () => worker.getTasksByStatus(state as "queued", { limit: 1000 }));
  await time("queueSize()", () => worker.queueSize());
  await time("statusById()", () => worker.statusById(id()));
  await time("infoById()", () => worker.infoById(id()));
  if (state === "done") await time("resultById()", () => worker.resultById(id()));
  const slow = await worker.redis.command<[number, number, number][]>(["SLOWLOG", "GET", 1000]);
  const slowest = Math.max(0, ...slow.map(([, , microseconds]) => microseconds));
  console.log(`slowest command: ${slowest === 0 ? "under 1" : (slowest / 1000).toFixed(1)} ms`);
}
await worker.close();

async function populate(state: (typeof states)[number]): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 5000) {
    const requests = Array.from({ length: Math.min(5000, count - i) }, (_, n) => job.enqueue(i + n));
    const part = (await worker.enqueueMany(requests)).map(({ id }) => id);
    await fill[state](part);
    for (const id of part) ids.push(id);
  }
  if (state === "done") await worker.redis.command(["DEL", `${prefix}:queues:normal`]);
  if (state === "scheduled") await worker.redis.command(["DEL", `${prefix}:queues:normal`]);
  return ids;
}

async function time(what: string, call: () => Promise<unknown>): Promise<void> {
  const spans: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await call();
    spans.push(performance.now() - start);
  }
  spans.sort((a, b) => a - b);
  console.log(`${what.padEnd(30)} ${spans[rounds / 2]!.toFixed(2)} ms, slowest ${spans.at(-1)!.toFixed(2)} ms`);
}
