/** The producer of `npm run demo`: it enqueues a task for each file of this repository, and merges what comes back. */
import { execFileSync } from "node:child_process";
import { extname } from "node:path";
import { Progress } from "./progress.ts";
import { printWords, printWorkers } from "./report.ts";
import { countWords, worker } from "./worker.ts";

const extensions = new Set([".ts", ".mjs", ".md", ".json", ".yml", ".sh"]);
const prose = new Set([".md"]);

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
  .split("\n")
  .filter((file) => extensions.has(extname(file)) && !file.endsWith("package-lock.json"));

const words = { code: new Map<string, number>(), documentation: new Map<string, number>() };
const tasksByWorker = new Map<string, number>();
const progress = new Progress(files.length);

const started = performance.now();
const tasks = await worker.enqueueMany(files.map((file) => countWords.enqueue(file)));
const enqueued = performance.now();

await Promise.all(tasks.map(async (task, i) => {
  const outcome = await task.result({ timeout: "60s" });
  if (!outcome.success) throw new Error(`Could not count the words of ${files[i]}`, { cause: outcome.exception });
  const merged = words[prose.has(extname(files[i]!)) ? "documentation" : "code"];
  let sum = 0;
  for (const [word, count] of outcome.result) {
    add(merged, word, count);
    sum += count;
  }
  add(tasksByWorker, outcome.workerId, 1);
  progress.step(sum);
}));
const ended = performance.now();

progress.end();
printWords(words);
printWorkers(tasksByWorker);
const rate = Math.round(files.length / (ended - started) * 1000);
const [sent, done] = [enqueued - started, ended - started].map((ms) => `${(ms / 1000).toFixed(2)} s`);
console.log(`\n${files.length} tasks, enqueued in ${sent}, done in ${done}: ${rate} a second`);

await worker.close();

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
