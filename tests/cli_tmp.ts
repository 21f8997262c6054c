import { setTimeout as delay } from "node:timers/promises";
import process from "node:process";
import { taskContext, Worker } from "@q/streaq";
export const worker = new Worker({ redisUrl: process.env.REDIS_URL, queueName: "tmpcli" });
export const hold = worker.task(async function hold() { await delay(60_000, undefined, { signal: taskContext().signal }); });
export const stubborn = worker.task(async function stubborn() { await delay(60_000); });
export const crash = worker.task(async function crash() { process.exit(7); }, { maxTries: 1 });
export const oops = worker.task(async function oops() { setTimeout(() => { throw new Error("stray"); }, 10); await delay(500); }, { maxTries: 1 });
