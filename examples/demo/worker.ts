/** The worker of `npm run demo`: it counts the words in files. */
import { readFile } from "node:fs/promises";
import process from "node:process";
import { Worker } from "@q/streaq";

export const worker = new Worker({
  redisUrl: process.env.REDIS_URL,
  queueName: process.env.DEMO_QUEUE,
  concurrency: 4,
});

/** Words of four letters and more with how often each is there. The task travels as a path: payloads are best small. */
export const countWords = worker.task(
  async function countWords(path: string): Promise<[word: string, count: number][]> {
    const text = await readFile(path, "utf8");
    const counts = new Map<string, number>();
    for (const [word] of text.toLowerCase().matchAll(/\p{L}{4,}/gu)) counts.set(word, (counts.get(word) ?? 0) + 1);
    return [...counts];
  },
  { silent: true, ttl: "1m" },
);
