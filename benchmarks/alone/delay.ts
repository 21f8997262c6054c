/**
 * How late delayed tasks start. 1,000 tasks are due at random moments within 10 seconds, on an idle worker; prints the
 * median and the 99th percentile of the time between the moment when a task was due and the call of its function. Then a
 * flood: 1,000,000 tasks are due in the same second; prints the slowest command on the server until all have run.
 *
 * Run it with `node --import tsx`, `bun` or `deno run -A`; `--flood 100000` makes it shorter, `--flood 0` leaves it out.
 */
import { parseArgs } from "node:util";
import { Worker } from "../../mod.ts";
import { startRedis } from "../../tests/support/redis_server.ts";

const { values } = parseArgs({ options: { flood: { type: "string", default: "1000000" } } });
const flood = Number(values.flood);
const count = 1000;
const logger = { debug() {}, info() {}, warn: console.warn, error: console.error };

await using server = await startRedis({ args: ["--save", "", "--appendonly", "no"] });
const worker = new Worker({ redisUrl: server.url, queueName: "delay", handleSignals: false, concurrency: 100, logger });
let ran = 0;
const late: number[] = [];
const job = worker.task((due: number) => {
  ran++;
  if (due > 0) late.push(Date.now() - due);
}, { name: "job", ttl: 0 });
const stop = new AbortController();
const running = worker.run({ signal: stop.signal });

const begin = Date.now() + 1000;
await worker.enqueueMany(Array.from({ length: count }, () => {
  const due = begin + Math.floor(Math.random() * 10_000);
  return job.enqueue(due).start({ schedule: new Date(due) });
}));
while (ran < count) await new Promise((resolve) => setTimeout(resolve, 100));
late.sort((a, b) => a - b);
console.log(
  `${count} delayed tasks, started after they were due: median ${late[count / 2]} ms, ` +
    `99th percentile ${late[Math.floor(count * 0.99)]} ms, earliest ${late[0]} ms, latest ${late.at(-1)} ms`,
);

if (flood > 0) {
  ran = 0;
  const due = Date.now() + 40_000 * Math.ceil(flood / 1_000_000);
  for (let i = 0; i < flood; i += 5000) {
    const requests = Array.from({ length: Math.min(5000, flood - i) }, (_, n) => {
      return job.enqueue(0).start({ schedule: new Date(due + (i + n) % 1000) });
    });
    await worker.enqueueMany(requests);
  }
  console.log(`${flood.toLocaleString("en")} tasks are due in ${((due - Date.now()) / 1000).toFixed(0)} s`);
  await worker.redis.command(["CONFIG", "SET", "slowlog-log-slower-than", 1000]);
  await worker.redis.command(["SLOWLOG", "RESET"]);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - Date.now())));
  const start = performance.now();
  while (ran < flood) await new Promise((resolve) => setTimeout(resolve, 100));
  const seconds = (performance.now() - start) / 1000;
  const slow = await worker.redis.command<[number, number, number, string[]][]>(["SLOWLOG", "GET", 1000]);
  const [slowest] = slow.sort((a, b) => b[2] - a[2]);
  console.log(
    `all ran after ${seconds.toFixed(1)} s, ${Math.round(flood / seconds)}/s; slowest command: ` +
      (slowest ? `${(slowest[2] / 1000).toFixed(1)} ms, ${slowest[3][0]}` : "under 1 ms"),
  );
}
stop.abort();
await running;
await worker.close();
