/**
 * A worker with three tasks. Run it with `streaq run examples/worker.ts`, then enqueue tasks with `examples/enqueue.ts`.
 *
 * The producer imports this module for its tasks. Importing it opens no connection; the first operation does.
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { taskContext, Worker } from "@q/streaq";

export const worker = new Worker({
  redisUrl: process.env.REDIS_URL ?? "redis://localhost:6379",
  queueName: "examples",
  priorities: ["low", "high"], // From lowest to highest.
  concurrency: 8,
  gracePeriod: "5s", // How long running tasks may continue after SIGTERM.
});

/** Any function can be a task. Its arguments and its result are stored as JSON. */
export const countWords = worker.task("countWords", (text: string): number => {
  return text.split(/\s+/).filter((word) => word !== "").length;
});

/** Slow work passes the signal on, so that a worker that shuts down can release the task to another worker. */
export const sendMail = worker.task("sendMail", async (to: string, subject: string): Promise<string> => {
  await delay(300, undefined, { signal: taskContext().signal });
  return `${subject}: sent to ${to}`;
});

/** With `maxTries: 1` it never starts twice, even if its worker crashes. */
export const charge = worker.task("charge", async (order: string, cents: number) => {
  if (cents > 100_000) throw new RangeError(`Order ${order} is over the limit: ${cents}`);
  await delay(100);
  return { order, cents };
}, { maxTries: 1, ttl: "1h" });
