/**
 * The queue in memory. 1,000,000 tasks are enqueued in batches of 10,000 and drained by one worker with a concurrency of
 * 32, all in this process; prints the time and the largest resident memory. Then 100,000 tasks here and on Redis, in
 * turns; prints the tasks enqueued and drained per second.
 *
 * Run it with `node --import tsx`, `bun` or `deno run -A`; `--tasks 100000` makes it shorter, `--beside 0` leaves out Redis.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { Worker } from "../../mod.ts";
import { startRedis } from "../../tests/support/redis_server.ts";

const options = {
  tasks: { type: "string", default: "1000000" },
  beside: { type: "string", default: "100000" },
} as const;
const { values } = parseArgs({ options });
const logger = { debug() {}, info() {}, warn: console.warn, error: console.error };
const batch = 10_000;
const rounds = 3;

let peak = 0;
const watch = setInterval(() => peak = Math.max(peak, process.memoryUsage().rss), 20);

/** Enqueues and drains tasks. Resolves to the seconds that each took. */
async function measure(
  redisUrl: string,
  queueName: string,
  tasks: number,
): Promise<{ enqueue: number; drain: number }> {
  await using worker = new Worker({ redisUrl, queueName, concurrency: 32, handleSignals: false, logger });
  let ran = 0;
  const stop = new AbortController();
  const job = worker.task((_: number) => {
    if (++ran === tasks) stop.abort();
  }, { name: "job", silent: true });
  await worker.connect();
  const start = performance.now();
  for (let i = 0; i < tasks; i += batch) {
    await worker.enqueueMany(Array.from({ length: Math.min(batch, tasks - i) }, (_, n) => job.enqueue(i + n)));
    peak = Math.max(peak, process.memoryUsage().rss);
  }
  const enqueued = performance.now();
  await worker.run({ signal: stop.signal });
  const drained = performance.now();
  return { enqueue: (enqueued - start) / 1000, drain: (drained - enqueued) / 1000 };
}

function show(name: string, tasks: number, { enqueue, drain }: { enqueue: number; drain: number }): void {
  const rate = (seconds: number) => `${Math.round(tasks / seconds).toLocaleString("en")}/s`;
  console.log(
    `${name.padEnd(7)} ${tasks.toLocaleString("en")} tasks: enqueued in ${enqueue.toFixed(1)} s, ${rate(enqueue)}; ` +
      `drained in ${drain.toFixed(1)} s, ${rate(drain)}`,
  );
}

const before = process.memoryUsage().rss;
const tasks = Number(values.tasks);
show("memory", tasks, await measure("memory://", "all", tasks));
const megabytes = (bytes: number) => `${Math.round(bytes / 1024 ** 2).toLocaleString("en")} MB`;
console.log(`resident memory: ${megabytes(before)} before, ${megabytes(peak)} at most`);
clearInterval(watch);

const beside = Number(values.beside);
if (beside > 0) {
  await using server = await startRedis({ args: ["--save", "", "--appendonly", "no"] });
  for (let round = 0; round < rounds; round++) {
    show("memory", beside, await measure("memory://", `round-${round}`, beside));
    show("Redis", beside, await measure(server.url, `round-${round}`, beside));
  }
}
