/**
 * A first task, in one process and without a server: `deno run -A examples/hello.ts`, `bun examples/hello.ts` or
 * `node --import tsx examples/hello.ts`.
 */
import { StreaqRetry, taskContext, Worker } from "@q/streaq";

// The queue lives in this process. With "redis://localhost:6379", any number of processes share it.
const worker = new Worker({ redisUrl: "memory://" });

const countWords = worker.task("countWords", (text: string): number => {
  if (taskContext().tries === 1) throw new StreaqRetry("The first try fails", { delay: "1s" });
  return text.split(/\s+/).length;
}, { timeout: "30s", maxTries: 5 });

const isLong = worker.task("isLong", (words: number): boolean => words > 5);

const running = worker.run(); // In production, workers run in processes of their own.

const task = await countWords.enqueue("to be or not to be").pipe(isLong); // enqueue(42) does not compile.
console.log(await task.value({ timeout: "10s" })); // true

await worker.close();
await running;
