/** The worker of `npm run demo`: it counts the words in files, and merges the counts when all are there. */
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import process from "node:process";
import { Worker } from "@q/streaq";

export const worker = new Worker({
  redisUrl: process.env.REDIS_URL,
  queueName: process.env.DEMO_QUEUE,
  concurrency: 4,
});

/** Words with how often each is there. */
export type Counts = [word: string, count: number][];

/** How many words of a kind are kept in the end. */
const top = 10;
const prose = new Set([".md"]);

/** Words of four letters and more with how often each is there. The task travels as a path: payloads are best small. */
export const countWords = worker.task(
  async function countWords(path: string): Promise<Counts> {
    const text = await readFile(path, "utf8");
    const counts = new Map<string, number>();
    for (const [word] of text.toLowerCase().matchAll(/\p{L}{4,}/gu)) counts.set(word, (counts.get(word) ?? 0) + 1);
    return [...counts];
  },
  { silent: true, ttl: "1m" },
);

/** The most frequent words in code and in prose. It depends on the tasks that have counted them, by path. */
export const mergeWords = worker.task(
  async function mergeWords(tasks: Record<string, string>): Promise<{ code: Counts; documentation: Counts }> {
    const words = { code: new Map<string, number>(), documentation: new Map<string, number>() };
    for (const [path, id] of Object.entries(tasks)) {
      const merged = words[prose.has(extname(path)) ? "documentation" : "code"];
      const { result } = await worker.resultById<Counts>(id);
      for (const [word, count] of result) merged.set(word, (merged.get(word) ?? 0) + count);
    }
    return { code: mostFrequent(words.code), documentation: mostFrequent(words.documentation) };
  },
  { ttl: "1m" },
);

function mostFrequent(counts: ReadonlyMap<string, number>): Counts {
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, top);
}
