import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { deferred } from "../../../src/base/async.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { running, type Stage, untilAborted } from "../stage.ts";
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

/** A worker whose sessions do not end before `closed` is resolved; `closing` resolves when one is about to. */
async function closingWorker(stage: Stage) {
  const [closing, closed] = [deferred<void>(), deferred<void>()];
  const worker = await stage.worker({
    lifespan: async function* () {
      yield;
      closing.resolve();
      await closed.promise;
    },
  });
  return { worker, closing, closed };
}

/** Waits for a call of `drain()` whose signal was aborted. */
async function assertAborted(drained: Promise<void>): Promise<void> {
  assertEquals((await assertRejects(() => drained, DOMException)).name, "AbortError");
}

behaviour("Worker.drain({ signal })", (stage) => {
  it("gives running tasks the grace period when the signal is aborted, and then rejects with its reason", async () => {
    const worker = await stage.worker({ gracePeriod: "20s" });
    const stop = new AbortController();
    const other = deferred<void>();
    const finishing = worker.task("finishing", async (): Promise<string> => {
      stop.abort();
      await other.promise;
      return "finished in time";
    });
    const task = await finishing.enqueue();
    const drained = worker.drain({ signal: stop.signal });
    await eventually(() => stop.signal.aborted);
    assertEquals(worker.running, 1);
    other.resolve();
    await assertAborted(drained);
    assertEquals([(await task.result()).result, worker.running], ["finished in time", 0]);
  });

  it("releases what runs for longer than the grace period, at the cost of no try", async () => {
    const worker = await stage.worker();
    const stop = new AbortController();
    const tries: number[] = [];
    const long = worker.task("long", async (): Promise<void> => {
      const { signal, tries: number } = taskContext();
      tries.push(number);
      if (tries.length > 1) return;
      stop.abort();
      await untilAborted(signal);
    }, { maxTries: 2 });
    const task = await long.enqueue();
    await assertAborted(worker.drain({ signal: stop.signal }));
    assertEquals(await task.status(), "queued");
    await worker.drain();
    assertEquals([(await task.result()).success, tries], [true, [1, 1]]);
    await stage.assertClean(worker);
  });

  it("runs nothing when the signal is aborted already", async () => {
    const worker = await stage.worker();
    const noop = worker.task("noop", () => {});
    const task = await noop.enqueue();
    await assertAborted(worker.drain({ signal: AbortSignal.abort() }));
    assertEquals(await task.status(), "queued");
  });

  it("shares one run among overlapping calls, which continues until the last of them is aborted", async () => {
    let opened = 0;
    const worker = await stage.worker({
      lifespan: async function* () {
        yield ++opened;
      },
    });
    const reached = deferred<void>();
    const finish = deferred<void>();
    const wait = worker.task("wait", async (): Promise<void> => {
      reached.resolve();
      await finish.promise;
    });
    const task = await wait.enqueue();
    const [first, second] = [new AbortController(), new AbortController()];
    const calls = [
      worker.drain({ signal: first.signal }),
      worker.drain({ signal: second.signal }),
      worker.drain(),
    ] as const;
    await reached.promise;
    first.abort();
    await assertAborted(calls[0]);
    second.abort();
    await assertAborted(calls[1]);
    assertEquals([await task.status(), worker.running], ["running", 1]);
    finish.resolve();
    await calls[2];
    assertEquals([(await task.result()).success, worker.running, opened], [true, 0, 1]);
  });

  it("runs what was enqueued before a call that joins a drain about to end", async () => {
    const { worker, closing, closed } = await closingWorker(stage);
    const noop = worker.task("noop", () => {});
    const first = worker.drain();
    await closing.promise;
    const task = await noop.enqueue();
    const second = worker.drain();
    closed.resolve();
    await Promise.all([first, second]);
    assertEquals(await task.status(), "done");
  });

  it("starts again after a drain that was stopped, when a call joins it during its shutdown", async () => {
    const { worker, closing, closed } = await closingWorker(stage);
    const stop = new AbortController();
    const long = worker.task("long", async (): Promise<void> => {
      if (stop.signal.aborted) return;
      stop.abort();
      await untilAborted(taskContext().signal);
    });
    const task = await long.enqueue();
    const first = assertAborted(worker.drain({ signal: stop.signal }));
    await closing.promise;
    const second = worker.drain();
    closed.resolve();
    await Promise.all([first, second]);
    assertEquals(await task.status(), "done");
  });

  it("leaves a worker running that ran before", async () => {
    const worker = await stage.worker();
    const finish = deferred<void>();
    const wait = worker.task("wait", async (): Promise<void> => await finish.promise);
    const run = running(worker);
    const task = await wait.enqueue();
    await eventually(() => worker.running === 1);
    const stop = new AbortController();
    const drained = worker.drain({ signal: stop.signal });
    stop.abort();
    await assertAborted(drained);
    assertEquals(worker.running, 1);
    finish.resolve();
    assertEquals((await task.result({ timeout: "20s" })).success, true);
    await run.stop();
  });

  it("refuses options that do not exist", async () => {
    const worker = await stage.worker();
    await assertRejects(() => worker.drain({ singal: 1 } as { signal?: AbortSignal }), TypeError, "signal");
  });
});
