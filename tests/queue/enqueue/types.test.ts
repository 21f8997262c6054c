/**
 * Types that the compiler infers, and uses that it refuses. Nothing here runs but the last lines: the test is that this
 * file compiles, `@ts-expect-error` included.
 */
import { describe, it } from "node:test";
import { assert } from "@std/assert";
import {
  type Duration,
  type EnqueueRequest,
  kwargs,
  type RegisteredTask,
  type Schedule,
  StreaqRetry,
  type Task,
  taskContext,
  type TaskInfo,
  type TaskResult,
  TaskStatus,
  Worker,
  workerContext,
} from "../../../mod.ts";
import { createClient } from "../../../src/redis/mod.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
function same<A, B>(_: Equal<A, B>): void {}

declare function open(): Promise<{ close(): Promise<void>; q(text: string): Promise<number> }>;

async function inferred(): Promise<void> {
  // The worker's context has the type that its lifespan yields.
  const worker = new Worker({
    redisUrl: "redis://localhost:6379",
    queueName: "default",
    concurrency: 16,
    priorities: ["normal"],
    prefetch: 16,
    lifespan: async function* () {
      const db = await open();
      try {
        yield { db };
      } finally {
        await db.close();
      }
    },
    idleTimeout: "60s",
    gracePeriod: 0,
    redis: undefined,
    redisOptions: {},
    id: undefined,
    logger: undefined,
  });
  const plain = new Worker({ handleSignals: false });
  same<typeof plain, Worker<undefined>>(true);
  same<typeof plain.context, undefined>(true);
  const rows: Promise<number> = worker.context.db.q("x");

  // Arguments and result are those of the function.
  const sleeper = worker.task(async function sleeper(seconds: number): Promise<number> {
    taskContext().signal.throwIfAborted();
    return await Promise.resolve(seconds);
  }, { maxTries: 1 });
  same<typeof sleeper, RegisteredTask<[seconds: number], number>>(true);
  const local: number = await sleeper(3);
  const getId = worker.task(async function getId(ctx = taskContext()) {
    return await Promise.resolve(ctx.taskId);
  });
  const query = worker.task(async function query(url: string, { db } = worker.context, ctx = taskContext()) {
    return ctx.tries + await db.q(url);
  });
  same<ReturnType<typeof query>, Promise<number>>(true);
  worker.task((x: number, { n } = workerContext<{ n: number }>()) => x + n, { name: "sum" });
  const sync = worker.task(function crunch(n: number): number {
    return n;
  });
  same<ReturnType<typeof sync>, Promise<number>>(true);
  const rest = worker.task(function rest(...values: number[]) {
    return values.length;
  });
  rest.enqueue(1, 2, 3);
  const optional = worker.task(function optional(a: string, o?: { retries: number }) {
    return a.length + (o?.retries ?? 0);
  });
  optional.enqueue("a");
  optional.enqueue("a", { retries: 2 });

  // Requests become tasks.
  const task = await sleeper.enqueue(5);
  same<typeof task, Task<number>>(true);
  same<Awaited<ReturnType<typeof sleeper.enqueue>>, Task<number>>(true);
  const started: Task<number> = await sleeper.enqueue(5).start({ priority: "low", id: "x" });
  const many = await worker.enqueueMany(Array.from({ length: 10 }, (_, i) => sleeper.enqueue(i)));
  same<typeof many, Task<number>[]>(true);
  const mixed = await worker.enqueueMany([sleeper.enqueue(1), getId.enqueue()]);
  same<typeof mixed, [Task<number>, Task<string>]>(true);
  const all = await Promise.all([sleeper.enqueue(1), getId.enqueue()]);
  same<typeof all, [Task<number>, Task<string>]>(true);
  const request: EnqueueRequest<number> = sleeper.enqueue(1);
  const promise: Promise<Task<number>> = request;
  const handled: Task<number> | undefined = await request.catch(() => undefined);
  same<ReturnType<typeof request.finally>, Promise<Task<number>>>(true);

  // Results are a union; taken apart, `success` narrows the other two.
  const result = await task.result({ timeout: "5s", signal: new AbortController().signal });
  if (result.success) same<typeof result.result, number>(true);
  else same<typeof result.exception, Error>(true);
  same<typeof result.result, number | undefined>(true);
  same<typeof result.exception, Error | undefined>(true);
  const { success, result: plain2, exception } = result;
  if (success) same<typeof plain2, number>(true);
  else same<typeof exception, Error>(true);
  const value = await task.value({ timeout: "5s", signal: new AbortController().signal });
  same<typeof value, number>(true);
  const byId: TaskResult<number> = await worker.resultById<number>(task.id, { timeout: null });
  const info: TaskInfo | null = await task.info();
  const status: TaskStatus = await task.status();
  if (status === TaskStatus.Done || status === "missing") worker.registry.get("double")?.enqueue(1);
  await worker.run({ burst: true, signal: new AbortController().signal });

  // Delays and schedules.
  await sleeper.enqueue(3).start({ delay: "10s" });
  await sleeper.enqueue(3).start({ schedule: new Date() });
  const repeating: boolean = await (await sleeper.enqueue(3).start({ schedule: "*/5 * * * *" })).unschedule();
  const nightly = worker.cron("@daily", async function nightly({ db } = worker.context) {
    return await db.q("x");
  }, { maxScheduleDrift: "5m", timeZone: "Europe/Berlin" });
  same<typeof nightly, RegisteredTask<[], number>>(true);
  worker.cron("30 9 * * mon-fri", function report() {});
  const schedules: Schedule[] = await worker.schedules({ limit: 10 });
  const next: number | null = worker.nextRun("@hourly");

  // Tasks that other workers have registered.
  const stub = worker.stub<typeof sleeper>("sleeper");
  same<typeof stub, RegisteredTask<[seconds: number], number>>(true);
  same<Awaited<ReturnType<typeof stub.enqueue>>, Task<number>>(true);
  const unsafe = await worker.enqueueUnsafe<number>("fetch", "https://example.org", kwargs({ retries: 2 }));
  same<typeof unsafe, Task<number>>(true);
  same<Awaited<ReturnType<typeof worker.enqueueUnsafe>>, Task<unknown>>(true);
  worker.include(plain);
  plain.include(worker);

  // Listing and aborting.
  const queued: TaskInfo[] = await worker.getTasksByStatus(TaskStatus.Queued, { limit: 10, priority: "low" });
  const done: TaskResult<unknown>[] = await worker.getTasksByStatus("done");
  const size: number = await worker.queueSize({ includeScheduled: false });
  const aborted: boolean[] = [await task.abort({ timeout: 0 }), await worker.abortById("x", { timeout: null })];

  worker.middleware((next) => async (...args) => {
    try {
      return await next(...args);
    } catch (cause) {
      throw new StreaqRetry("again", { delay: "1s", cause });
    }
  });
  const durations: Duration[] = [1, "500ms", "5s", "10m", "1.5h", "7d"];

  const redis = createClient();
  const bytes = await redis.command<Uint8Array | null>(["GET", "key"], { binary: true });
  await redis.transaction([["INCR", "n"], ["GET", "n"]]);

  // Wrong uses.
  // @ts-expect-error an argument of the wrong type
  sleeper.enqueue("5");
  // @ts-expect-error a missing argument
  sleeper.enqueue();
  // @ts-expect-error an argument too many
  sleeper.enqueue(1, 2);
  // @ts-expect-error the same for a local call
  sleeper("3");
  // @ts-expect-error not a duration
  worker.task(async function t() {}, { ttl: "soon" });
  // @ts-expect-error an unknown option
  worker.task(async function t() {}, { retries: 3 });
  // @ts-expect-error a policy is true, or is not there
  worker.task(async function t() {}, { retry: false });
  // @ts-expect-error a policy answers at once
  worker.task(async function t() {}, { retry: async () => await Promise.resolve(5) });
  // @ts-expect-error an untyped parameter is an implicit any
  worker.task((x) => x, { name: "untyped" });
  // @ts-expect-error not a function
  worker.task("no");
  // @ts-expect-error a class cannot be called
  worker.task(class {}, { name: "class" }).enqueue();
  // @ts-expect-error a thread is a URL, as text
  worker.task(() => 1, { name: "threaded", thread: true });
  // @ts-expect-error a cron job takes no arguments
  worker.cron("@daily", function job(_n: number) {});
  // @ts-expect-error the stub has the types of its task
  stub.enqueue("5");
  // @ts-expect-error named arguments are for untyped enqueuing
  sleeper.enqueue(kwargs({ seconds: 1 }));
  // @ts-expect-error missing tasks cannot be listed
  await worker.getTasksByStatus(TaskStatus.NotFound);
  // @ts-expect-error results have no priority
  await worker.getTasksByStatus("done", { priority: "low" });
  // @ts-expect-error a schedule is a date or an expression
  sleeper.enqueue(1).start({ schedule: 5 });
  // @ts-expect-error middleware returns a function
  worker.middleware(() => 1);
  // @ts-expect-error not a request
  await worker.enqueueMany([1]);
  // @ts-expect-error a task that was awaited is no longer a request
  await worker.enqueueMany([await sleeper.enqueue(1)]);
  // @ts-expect-error a request has no result: await it first
  sleeper.enqueue(1).result();
  // @ts-expect-error an unknown status
  const unknown: TaskStatus = "nope";
  // @ts-expect-error no context without a lifespan
  plain.context.db;
  // @ts-expect-error a failure has no result
  if (!result.success) result.result.toFixed();
  // @ts-expect-error a command has a name
  redis.command([]);
  // @ts-expect-error an object is not an argument
  redis.command(["SET", "k", { a: 1 }]);

  void [
    repeating,
    schedules,
    next,
    queued,
    done,
    size,
    aborted,
    rows,
    local,
    started,
    request,
    promise,
    handled,
    byId,
    info,
    durations,
    bytes,
    unknown,
  ];
}

describe("types", () => {
  it("match this file, which would not compile otherwise", () => assert(typeof inferred === "function"));
});
