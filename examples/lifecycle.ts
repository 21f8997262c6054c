/**
 * The ends that a task can come to, in one process: `deno run -A examples/lifecycle.ts`, `bun examples/lifecycle.ts` or
 * `node --import tsx examples/lifecycle.ts`. It needs a Redis at REDIS_URL, or at localhost.
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { StreaqRetry, taskContext, type TaskResult, TaskStatus, Worker } from "@q/streaq";

await using worker = new Worker({
  redisUrl: process.env.REDIS_URL ?? "redis://localhost:6379",
  queueName: "lifecycle",
});

/** Around every task. */
worker.middleware((next) => async (...args) => {
  const started = performance.now();
  try {
    return await next(...args);
  } finally {
    console.log(`${taskContext().fnName} took ${Math.round(performance.now() - started)} ms`);
  }
});

/** Succeeds at the third try. */
const flaky = worker.task(async function flaky(): Promise<string> {
  const { tries } = await Promise.resolve(taskContext());
  if (tries < 3) throw new StreaqRetry(`Try ${tries} was not the one`, { delay: "200ms" });
  return `worked at try ${tries}`;
}, { ttl: "1m" });

/** Takes as long as it is told to, and heeds its signal. */
const sleeper = worker.task(async function sleeper(ms: number): Promise<string> {
  await delay(ms, undefined, { signal: taskContext().signal });
  return `slept ${ms} ms`;
}, { timeout: "1s", ttl: "1m" });

/** Only one at a time, in all workers. */
const report = worker.task(async function report(month: string): Promise<string> {
  await delay(300, undefined, { signal: taskContext().signal });
  return month;
}, { unique: true, timeout: "10s", ttl: "1m" });

const stop = new AbortController();
const ended = worker.run({ signal: stop.signal });

show(await (await flaky.enqueue()).result());
show(await (await sleeper.enqueue(100)).result());
show(await (await sleeper.enqueue(60_000)).result()); // TimeoutError

const aborted = await sleeper.enqueue(60_000);
console.log("aborted:", await aborted.abort());
show(await aborted.result()); // StreaqCancelled

const reports = await worker.enqueueMany([report.enqueue("2026-10"), report.enqueue("2026-11")]);
for (const task of reports) show(await task.result()); // One of them finds the other one running.

console.log("listed:", (await worker.getTasksByStatus(TaskStatus.Done, { limit: 10 })).map(({ fnName }) => fnName));
console.log("left:", await worker.queueSize(), worker.counters);

stop.abort();
await ended;

function show(outcome: TaskResult<string>): void {
  const { fnName, tries } = outcome;
  console.log(`${fnName}, try ${tries}:`, outcome.success ? outcome.result : `${outcome.exception}`);
}
