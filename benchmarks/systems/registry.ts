import type { RedisClient } from "../../src/redis/mod.ts";
import type { Runtime } from "../run/subject.ts";
import type { System } from "./system.ts";

/** A system on every runtime that it is measured on. */
interface Entry extends Omit<System, "runtime"> {
  readonly runtimes: readonly Runtime[];
}

const entries: readonly Entry[] = [
  {
    name: "streaq",
    runtimes: ["node", "bun", "deno"],
    setup: "This repository, bundled. `maxPayload` is 2 MiB, as a task with an argument of 1 MiB exceeds the default.",
    guarantees: {
      delivery: "at least once",
      recovery: "leases of 60 s, renewed by the worker",
      atomicity: "start and completion are one script each",
      result: "record with the value, 5 minutes",
      waiting: "message, and a look at the state",
    },
    countComplete: async (redis, queue, total) => total - await count(redis, "XLEN", `streaq:${queue}:queues:normal`),
  },
  {
    name: "bullmq",
    runtimes: ["node", "bun"],
    setup: "Defaults. `addBulk` for many jobs, `QueueEvents` only while round trips are measured.",
    guarantees: {
      delivery: "at least once, 1 recovery per job",
      recovery: "locks of 30 s, renewed by the worker; stalled jobs are looked for every 30 s",
      atomicity: "start and completion are one script each, in one call",
      result: "job with the value, for ever",
      waiting: "stream of events",
    },
    countComplete: (redis, queue) => count(redis, "ZCARD", `bull:${queue}:completed`),
  },
  {
    name: "bee-queue",
    runtimes: ["node"],
    setup:
      "Producers and workers as its README recommends: `isWorker`, `getEvents` and `storeJobs` are off where they " +
      "are not needed. `saveAll` for many jobs. Producers wait with the queue's event and ids of their own, as a job's " +
      "event is lost if it arrives before the reply to `save()`. Workers call `checkStalledJobs` every 5 s, which is left " +
      "to the application.",
    guarantees: {
      delivery: "at least once",
      recovery: "a sign of life every 5 s",
      atomicity: "start is two commands, completion a transaction",
      result: "job without the value, for ever",
      waiting: "message only",
    },
    countComplete: (redis, queue) => count(redis, "SCARD", `bq:${queue}:succeeded`),
  },
  {
    name: "groupmq",
    runtimes: ["node"],
    setup:
      "Jobs are spread over 64 groups, as a group runs one job at a time; sleeping jobs have one each. `keepCompleted` " +
      "is raised from 0, so that results are kept. `autoBatch` of 500 jobs for many jobs at once.",
    guarantees: {
      delivery: "at least once, in order within a group",
      recovery: "visibility timeout of 30 s, renewed by the worker",
      atomicity: "start and completion are one script each",
      result: "job with the value, as many as configured",
      waiting: "not offered",
    },
    countComplete: (redis, queue) => count(redis, "ZCARD", `groupmq:${queue}:completed`),
  },
  {
    name: "streaq-python",
    runtimes: ["python"],
    setup: "uvloop. `enqueue_many` for many tasks. Closing the subscription of `result()` takes its client, coredis, " +
      "100 ms.",
    guarantees: {
      delivery: "at least once",
      recovery: "leases of 60 s, renewed by the worker",
      atomicity: "start is a pipeline, completion a transaction",
      result: "record with the value, 5 minutes",
      waiting: "message, and a look at the state",
    },
    countComplete: async (redis, queue, total) => total - await count(redis, "XLEN", `streaq:${queue}:queues:normal`),
  },
  {
    name: "saq",
    runtimes: ["python"],
    setup: "uvloop and hiredis. It has no call for many jobs, so they are enqueued concurrently, 1,000 at a time. " +
      "Producers wait with `refresh(until_complete)`, as `apply` polls every 500 ms.",
    guarantees: {
      delivery: "at most once by default: `retries` is 1",
      recovery: "a job past its timeout (10 s) is looked for every 60 s",
      atomicity: "start is three commands, completion a transaction and a message",
      result: "job with the value, 10 minutes",
      waiting: "a look at the state, then a message",
    },
    countComplete: async (redis, queue, total) => total - await count(redis, "ZCARD", `saq:${queue}:incomplete`),
  },
  {
    name: "taskiq-redis",
    runtimes: ["python"],
    setup:
      "`RedisStreamBroker`, the one that acknowledges; uvloop and hiredis; results expire after 10 minutes, as its " +
      "README recommends. It has no call for many tasks, so they are enqueued concurrently, 1,000 at a time. It polls " +
      "for results, by default every 200 ms; here every millisecond.",
    guarantees: {
      delivery: "at least once",
      recovery: "entries unacknowledged for 10 minutes are claimed, whether their worker is alive or not",
      atomicity: "start is one command; result and acknowledgement are two",
      result: "record with the value, as configured; the task stays in the stream",
      waiting: "polling",
    },
    async countComplete(redis, queue) {
      const [group] = await redis.command<Map<string, number>[]>(["XINFO", "GROUPS", queue]);
      return (group?.get("entries-read") ?? 0) - (group?.get("pending") ?? 0);
    },
  },
];

/** Every system on each of its runtimes. */
export const systems: readonly System[] = entries.flatMap(({ runtimes, ...system }) => {
  return runtimes.map((runtime) => ({ ...system, runtime }));
});

function count(redis: RedisClient, command: string, key: string): Promise<number> {
  return redis.command<number>([command, key]);
}
