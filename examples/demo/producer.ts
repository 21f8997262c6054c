/**
 * The producer of `npm run demo`. It enqueues a graph of tasks: one that counts the words of each file in this repository,
 * and one that depends on all of them and merges their counts.
 */
import { execFileSync } from "node:child_process";
import { extname } from "node:path";
import process from "node:process";
import { Progress } from "./progress.ts";
import { printWords, printWorkers } from "./report.ts";
import { countWords, mergeWords, worker } from "./worker.ts";

const extensions = new Set([".ts", ".mjs", ".md", ".json", ".yml", ".sh"]);

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
  .split("\n")
  .filter((file) => extensions.has(extname(file)) && !file.endsWith("package-lock.json"));

// No other process can reach a queue in memory, so the worker runs here too.
worker.logLevel = "warn";
const running = process.env.REDIS_URL?.startsWith("memory:") ? worker.run() : undefined;

const tasksByWorker = new Map<string, number>();
const progress = new Progress(files.length);

const started = performance.now();
const counts = files.map((file) => countWords.enqueue(file));
const ids = counts.map(({ id }) => id);
// It occupies no slot while it waits for its dependencies.
const merge = mergeWords.enqueue(Object.fromEntries(files.map((file, i) => [file, ids[i]!]))).start({ after: ids });
const tasks = await worker.enqueueMany(counts);
const merged = await merge;
const enqueued = performance.now();

await Promise.all(tasks.map(async (task) => {
  const { workerId, success, result, exception } = await task.result({ timeout: "60s" });
  if (!success) throw exception;
  tasksByWorker.set(workerId, (tasksByWorker.get(workerId) ?? 0) + 1);
  progress.step(result.reduce((sum, [, count]) => sum + count, 0));
}));
const words = await merged.value({ timeout: "60s" });
const done = performance.now();

progress.end();
printWords(words);
printWorkers(tasksByWorker);
const rate = Math.round(files.length / (done - started) * 1000);
const [first, last] = [enqueued - started, done - started].map((ms) => `${(ms / 1000).toFixed(2)} s`);
console.log(`\n${files.length} tasks and one that depends on them, enqueued in ${first}, done in ${last}: ${rate}/s`);

await worker.close();
await running;
