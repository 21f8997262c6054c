/** The worker of the application. Modules with tasks import it and register them. It is the only one of the queue. */
import process from "node:process";
import { Worker } from "@q/streaq";

export const worker = new Worker({
  redisUrl: process.env.REDIS_URL ?? "redis://localhost:6379",
  queueName: "app",
  gracePeriod: "5s",
});
