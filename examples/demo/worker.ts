/** The worker of `npm run demo`. It counts the words of files, and merges the counts. */
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import process from "node:process";
import { Worker } from "@q/streaq";

export const worker = new Worker({
  redisUrl: process.env.REDIS_URL,
  queueName: process.env.DEMO_QUEUE,
  concurrency: 4,
});

/** Words with the number of times that each occurs. */
export type Counts = [word: string, count: number][];

/** The number of words of each kind in the report. */
const top = 10;
const prose = new Set([".md"]);

/** Counts the words of four letters or more in a file. The argument is a path, because small payloads are best. */
export const countWords = worker.task(
  "countWords",
  async (path: string): Promise<Counts> => {
    const text = await readFile(path, "utf8");
    const counts = new Map<string, number>();
    for (const [word] of text.toLowerCase().matchAll(/\p{L}{4,}/gu)) counts.set(word, (counts.get(word) ?? 0) + 1);
    return [...counts];
  },
  { silent: true, ttl: "1m" },
);

/** Returns the most frequent words in code and in documentation, given the ids of the counting tasks by path. */
export const mergeWords = worker.task(
  "mergeWords",
  async (tasks: Record<string, string>): Promise<{ code: Counts; documentation: Counts }> => {
    const words = { code: new Map<string, number>(), documentation: new Map<string, number>() };
    for (const [path, id] of Object.entries(tasks)) {
      const merged = words[prose.has(extname(path)) ? "documentation" : "code"];
      const { success, result, exception } = await worker.resultById<Counts>(id);
      if (!success) throw exception;
      for (const [word, count] of result) merged.set(word, (merged.get(word) ?? 0) + count);
    }
    return { code: mostFrequent(words.code), documentation: mostFrequent(words.documentation) };
  },
  { ttl: "1m" },
);

function mostFrequent(counts: ReadonlyMap<string, number>): Counts {
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, top);
}
