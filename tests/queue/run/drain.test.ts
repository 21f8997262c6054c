import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { untilAborted } from "../stage.ts";
import { clockedWorkers } from "./clocked_workers.ts";

const setUp = clockedWorkers();

describe("Worker.drain()", () => {
  it("runs queued tasks and the tasks that they enqueue, but no delayed ones", async () => {
    const { worker, note, times } = setUp();
    const start = worker.task(async function start(): Promise<void> {
      const first = await note.enqueue();
      await note.enqueue().start({ after: first.id });
    });
    await start.enqueue();
    await note.enqueue().start({ delay: "1h" });
    await worker.drain();
    assertEquals([times.length, await worker.queueSize()], [2, 1]);
  });

  it("waits until a worker that is already running has nothing left to do", async () => {
    const { worker, note, times } = setUp();
    const ended = worker.run();
    await worker.enqueueMany(Array.from({ length: 50 }, () => note.enqueue()));
    await worker.drain();
    assertEquals(times.length, 50);
    await worker.close();
    await ended;
  });

  it("rejects with the reason of its signal, and stops the run that it has begun", async () => {
    const { worker } = setUp(undefined, { gracePeriod: 0 });
    const endless = worker.task(() => untilAborted(taskContext().signal), { name: "endless" });
    await assertRejects(() => worker.drain({ signal: AbortSignal.abort(new Error("early")) }), Error, "early");
    const controller = new AbortController();
    const task = await endless.enqueue();
    const drained = worker.drain({ signal: controller.signal });
    await eventually(() => worker.running === 1);
    controller.abort(new Error("enough"));
    await assertRejects(() => drained, Error, "enough");
    await eventually(() => worker.running === 0);
    await eventually(async () => assertEquals(await task.status(), "queued"));
  });

  it("leaves a run that was there before alone when its signal is aborted", async () => {
    const { worker, note, times } = setUp(undefined, { gracePeriod: 0 });
    const endless = worker.task(() => untilAborted(taskContext().signal), { name: "endless" });
    const ended = worker.run();
    await endless.enqueue();
    const controller = new AbortController();
    const drained = worker.drain({ signal: controller.signal });
    await eventually(() => worker.running === 1);
    controller.abort(new Error("enough"));
    await assertRejects(() => drained, Error, "enough");
    await note.enqueue();
    await eventually(() => times.length === 1);
    await worker.close();
    await ended;
  });

  it("runs the tasks that a task enqueues and waits for", async () => {
    const { worker } = setUp();
    const double = worker.task(function double(value: number): number {
      return value * 2;
    });
    const map = worker.task(async function map(values: number[]): Promise<number[]> {
      const tasks = await worker.enqueueMany(values.map((value) => double.enqueue(value)));
      return await Promise.all(tasks.map((task) => task.value({ timeout: "5s" })));
    });
    const task = await map.enqueue([1, 2, 3]);
    await worker.drain();
    assertEquals((await task.result()).result, [2, 4, 6]);
  });

  it("waits until all dependents of a failed task have failed", async () => {
    const { worker } = setUp();
    const job = worker.task(function job(): void {
      throw new Error("It fails");
    });
    const requests = [job.enqueue()];
    for (let i = 0; i < 1500; i++) requests.push(job.enqueue().start({ after: requests.at(-1)!.id }));
    const ended = worker.run();
    await worker.enqueueMany(requests);
    await worker.drain();
    assertEquals(await worker.queueSize(), 0);
    await worker.close();
    await ended;
  });

  it("resolves for every caller, also if the run ends by itself, and rejects if the run fails", async () => {
    const { worker } = setUp();
    await Promise.all([worker.drain(), worker.drain(), worker.drain()]);
    const burst = worker.run({ burst: true });
    await worker.drain();
    await burst;
    const failing = setUp("2027-03-27T12:00:00Z", {
      // deno-lint-ignore require-yield -- It throws before.
      lifespan: async function* (): AsyncGenerator<undefined, void, unknown> {
        await Promise.resolve();
        throw new RangeError("The lifespan fails");
      },
    }).worker;
    const run = failing.run();
    await Promise.all([
      assertRejects(() => run, RangeError, "lifespan"),
      assertRejects(() => failing.drain(), RangeError, "lifespan"),
    ]);
  });

  it("rejects inside a task, which would wait for itself", async () => {
    const { worker } = setUp();
    const own = worker.task(async function own(): Promise<void> {
      await worker.drain();
    });
    const task = await own.enqueue();
    await worker.drain();
    assertEquals(
      (await task.result()).exception!.message,
      `Cannot drain worker ${worker.id} from one of its own tasks`,
    );
  });

  it("resolves when the worker is closed meanwhile", async () => {
    const { worker } = setUp();
    const hang = worker.task(async function hang(): Promise<void> {
      await new Promise((resolve) => taskContext().signal.addEventListener("abort", resolve));
    });
    void worker.run();
    await hang.enqueue();
    const drained = worker.drain();
    await worker.close();
    await drained;
  });
});
