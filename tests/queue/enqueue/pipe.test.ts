import { it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { richSerializer } from "../../../src/queue/records/rich_serializer.ts";
import { tuple } from "../../../src/queue/tasks/tuple.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import * as threads from "../threads/fixtures/thread_tasks.ts";
import { running } from "../stage.ts";

behaviour("pipe()", (stage) => {
  /** A worker with small tasks, and one that records and returns its arguments. */
  async function setUp(options: WorkerOptions<undefined> = {}) {
    const worker = await stage.worker(options);
    const calls: unknown[][] = [];
    const tasks = {
      double: worker.task((value: number) => value * 2, { name: "double" }),
      isEven: worker.task((value: number) => value % 2 === 0, { name: "isEven" }),
      tuplify: worker.task((n: number) => tuple(n, n), { name: "tuplify" }),
      untuple: worker.task((a: number, b: number, { third = 0 }: { third?: number } = {}) => a + b + third, {
        name: "untuple",
      }),
      give: worker.task((value: unknown) => value, { name: "give" }),
      show: worker.task((...args: unknown[]) => {
        calls.push(args);
        return args;
      }, { name: "show" }),
    };
    return { worker, calls, ...tasks };
  }

  it("runs each task with the result of the previous one", async () => {
    const { worker, double, isEven } = await setUp();
    const pipeline = double.enqueue(21).pipe(double).pipe(isEven);
    assertEquals(await pipeline.status(), "missing");
    const task = await pipeline;
    assertEquals([task.id, await task.status(), (await task.info())!.args], [pipeline.id, "scheduled", []]);
    assertEquals([await worker.queueSize(), await worker.queueSize({ includeScheduled: false })], [3, 1]);
    const waiting = task.result();
    await worker.run({ burst: true });
    assertEquals((await waiting).result, true);
    assertEquals([worker.counters.completed, await worker.queueSize()], [3, 0]);
    await stage.assertClean(worker);
  });

  it("spreads a tuple, followed by named arguments as one object", async () => {
    const { worker, tuplify, untuple } = await setUp();
    const run = running(worker);
    assertEquals((await (await tuplify.enqueue(3).pipe(untuple, { third: 3 })).result()).result, 9);
    assertEquals((await (await tuplify.enqueue(3).pipe(untuple)).result()).result, 6);
    // As a result, a tuple is an ordinary array.
    assertEquals((await (await tuplify.enqueue(3)).result()).result, [3, 3]);
    await run.stop();
    await stage.assertClean(worker);
  });

  const nothing = undefined;
  const piped: [example: string, value: () => unknown, kwargs: object | undefined, args: unknown[]][] = [
    ["a value as one argument", () => 7, nothing, [7]],
    ["an array as one argument", () => [1, 2], nothing, [[1, 2]]],
    ["an empty array as one argument", () => [], nothing, [[]]],
    ["null as null", () => null, nothing, [null]],
    ["nothing as no argument", () => {}, nothing, []],
    ["false, zero and an empty string unchanged", () => tuple(false, 0, ""), nothing, [false, 0, ""]],
    ["an empty tuple as no argument", () => tuple(), nothing, []],
    ["a nested tuple as an array", () => tuple(tuple(1), 2), nothing, [[1], 2]],
    ["a copy of a tuple as one argument", () => [...tuple(1, 2)], nothing, [[1, 2]]],
    ["named arguments after a value", () => 7, { a: 1 }, [7, { a: 1 }]],
    ["named arguments after an object", () => ({ b: 2 }), { a: 1 }, [{ b: 2 }, { a: 1 }]],
    ["named arguments alone after nothing", () => {}, { a: 1 }, [{ a: 1 }]],
    ["an empty object of named arguments as no argument", () => 7, {}, [7]],
  ];
  for (const [example, value, kwargs, args] of piped) {
    it(`pipes ${example}`, async () => {
      const { worker, calls, show } = await setUp();
      const source = worker.task(value, { name: "source" });
      const task = await source.enqueue().pipe(show as never, kwargs ?? {});
      await worker.run({ burst: true });
      assertEquals([(await task.result()).result as unknown, calls], [args, [args]]);
      await stage.assertClean(worker);
    });
  }

  it("pipes copies of everything that its serializer supports, signed", async () => {
    const { worker, calls, show } = await setUp({ serializer: richSerializer, signingSecret: "s3cret" });
    const when = new Date(1_795_445_182_914);
    const rich = worker.task(() => tuple(when, new Map([[1, new Set([2n])]]), undefined, 4), { name: "rich" });
    const task = await rich.enqueue().pipe(show, { url: new URL("https://example.org") });
    await worker.run({ burst: true });
    const [[date, map, hole, four, kwargs]] = calls as [unknown[]];
    assertEquals([date, map, hole, four], [when, new Map([[1, new Set([2n])]]), undefined, 4]);
    assertEquals([calls[0]!.length, kwargs], [5, { url: new URL("https://example.org") }]);
    assertEquals((await task.result()).success, true);
    await stage.assertClean(worker);
  });

  it("pipes the result that middleware returns, also a tuple", async () => {
    const { worker, double, show } = await setUp();
    worker.middleware((next) => async (...args) => {
      const result = await next(...args);
      return taskContext().fnName === "double" ? tuple(result, "more") : result;
    });
    const task = await double.enqueue(2).pipe(show);
    await worker.run({ burst: true });
    assertEquals((await task.result()).result as unknown, [4, "more"]);
    await stage.assertClean(worker);
  });

  it("pipes through tasks in threads, which can return and receive tuples", async () => {
    const { worker, double, show } = await setUp();
    worker.include(threads.worker);
    const { split, join } = threads;
    const requests = [
      split.enqueue("a-b").pipe(join),
      split.enqueue("a-b").pipe(join, { by: "+" }).pipe(show as never),
      double.enqueue(1).pipe(threads.twice).pipe(double),
    ];
    const run = running(worker);
    const results = [];
    for (const task of await Promise.all(requests)) results.push((await task.result()).result);
    assertEquals(results, ["a b", ["a+b"], 8]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("runs each step with its own priority", async () => {
    const { worker, double, give, show, calls } = await setUp({ priorities: ["low", "high"], concurrency: 1 });
    const { open, opened } = gate();
    const gated = worker.task(() => opened, { name: "gated" });
    const run = running(worker);
    const blocker = await gated.enqueue();
    await eventually(async () => await blocker.status() === "running");
    const last = await double.enqueue(1).start({ priority: "high" }).pipe(double).pipe(show).start({
      priority: "high",
    });
    const others = await worker.enqueueMany([show.enqueue("other"), give.enqueue("other")]);
    assertEquals((await worker.getTasksByStatus("scheduled", { priority: "high" })).map(({ taskId }) => taskId), [
      last.id,
    ]);
    assertEquals((await worker.getTasksByStatus("scheduled", { priority: "low" })).length, 1);
    open();
    for (const task of [last, ...others]) await task.result();
    // The middle step has the low priority, so it follows the two tasks that were queued before it.
    assertEquals(calls, [["other"], [4]]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("starts when its first step is due: after a delay, at a time, or after its dependencies", async () => {
    const { worker, double, give, isEven } = await setUp();
    const run = running(worker);
    const start = Date.now();
    const above = await give.enqueue("above").start({ delay: 250 });
    const [delayed, scheduled, after] = await Promise.all([
      double.enqueue(1).start({ delay: 300 }).pipe(isEven),
      double.enqueue(1).start({ schedule: new Date(start + 300) }).pipe(isEven),
      double.enqueue(1).start({ after: above.id }).pipe(isEven),
    ]);
    for (const [task, ms] of [[delayed, 300], [scheduled, 300], [after, 250]] as const) {
      const { success, startTime } = await task.result();
      assertEquals(success, true);
      assert(startTime - start >= ms - 5, `${startTime - start} ms`);
    }
    await run.stop();
    await stage.assertClean(worker);
  });

  it("gives a step the same input at each try", async () => {
    const { worker, tuplify, double } = await setUp();
    const seen: unknown[] = [];
    const stubborn = worker.task((a: number, b: number) => {
      seen.push([a, b]);
      if (taskContext().tries < 3) throw new StreaqRetry("again", { delay: 50 });
      return a + b;
    }, { name: "stubborn" });
    const task = await tuplify.enqueue(4).pipe(stubborn).pipe(double);
    const run = running(worker);
    assertEquals((await task.result()).result, 16);
    assertEquals(seen, [[4, 4], [4, 4], [4, 4]]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("continues on another worker at each step", async () => {
    const { queueName } = await stage.worker();
    /** A worker that shuts down during its first task, and releases all others. */
    const make = async () => {
      const worker = await stage.worker({ queueName });
      const stop = new AbortController();
      const step = worker.task((value: number) => {
        stop.abort();
        return value + 1;
      }, { name: "step" });
      return { worker, step, run: () => worker.run({ signal: stop.signal }) };
    };
    const first = await make();
    const requests = [first.step.enqueue(0)];
    for (let i = 0; i < 3; i++) requests.push(requests[i]!.pipe(first.step));
    const task = await requests[0]!;
    await first.worker.close();
    for (const [i, { id }] of requests.entries()) {
      const { worker, run } = await make();
      await run();
      assertEquals([await worker.statusById(id), worker.counters.completed], ["done", 1]);
      const next = requests[i + 1];
      if (next) assertEquals(await worker.statusById(next.id), "queued");
      await worker.close();
    }
    const last = await stage.worker({ queueName });
    const { result } = await last.resultById<number>(requests[3]!.id);
    assertEquals([task.id, result], [requests[0]!.id, 4]);
    await stage.assertClean(last);
  });
});
