/**
 * Retries, a timeout, an abort and a unique task, in one process: `deno run -A examples/lifecycle.ts`,
 * `bun examples/lifecycle.ts` or `node --import tsx examples/lifecycle.ts`. It uses the Redis server at REDIS_URL, or at
 * localhost.
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { StreaqRetry, taskContext, type TaskResult, TaskStatus, Worker } from "@q/streaq";

await using worker = new Worker({
  redisUrl: process.env.REDIS_URL ?? "redis://localhost:6379",
  queueName: "lifecycle",
});

/** Middleware runs around every task. */
worker.middleware((next) => async (...args) => {
  const started = performance.now();
  try {
    return await next(...args);
  } finally {
    console.log(`${taskContext().fnName} took ${Math.round(performance.now() - started)} ms`);
  }
});

/** Succeeds on the third try. */
const flaky = worker.task("flaky", (): string => {
  const { tries } = taskContext();
  if (tries < 3) throw new StreaqRetry(`Try ${tries} failed`, { delay: "200ms" });
  return `succeeded on try ${tries}`;
}, { ttl: "1m" });

/** Sleeps for the given time, or until its signal aborts. */
const sleeper = worker.task("sleeper", async (ms: number): Promise<string> => {
  await delay(ms, undefined, { signal: taskContext().signal });
  return `slept ${ms} ms`;
}, { timeout: "1s", ttl: "1m" });

/** Runs one at a time, across all workers. */
const report = worker.task("report", async (month: string): Promise<string> => {
  await delay(300, undefined, { signal: taskContext().signal });
  return month;
}, { unique: true, timeout: "10s", ttl: "1m" });

const stop = new AbortController();
const running = worker.run({ signal: stop.signal });

show(await (await flaky.enqueue()).result());
show(await (await sleeper.enqueue(100)).result());
show(await (await sleeper.enqueue(60_000)).result()); // TimeoutError

const aborted = await sleeper.enqueue(60_000);
console.log("aborted:", await aborted.abort());
show(await aborted.result()); // StreaqCancelled

const reports = await worker.enqueueMany([report.enqueue("2026-10"), report.enqueue("2026-11")]);
for (const task of reports) show(await task.result()); // One of them fails, because the other one is running.

console.log("listed:", (await worker.getTasksByStatus(TaskStatus.Done, { limit: 10 })).map(({ fnName }) => fnName));
console.log("unfinished:", await worker.queueSize(), worker.counters);

stop.abort();
await running;

function show(outcome: TaskResult<string>): void {
  const { fnName, tries } = outcome;
  console.log(`${fnName}, try ${tries}:`, outcome.success ? outcome.result : `${outcome.exception}`);
}
