/** A run that exceeds its timeout and is to be tried again: its task is put back only once the function has settled. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertLess, assertStringIncludes } from "@std/assert";
import { StreaqCancelled, StreaqRetry, TimeoutError } from "../../../src/base/errors.ts";
import { Leases } from "../../../src/broker/memory/leases.ts";
import { queueAt } from "../../../src/broker/memory/process_queues.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, nextTurn, receivesEvents, running, untilAborted } from "../stage.ts";
import { clockedWorkers } from "./clocked_workers.ts";
import { slotCounter } from "./slots.ts";

behaviour("a timeout of a task with a retry policy", (stage) => {
  it("is followed by another try if the function heeds its signal, and is the failure of the last one", async () => {
    const worker = await stage.worker();
    const reasons: unknown[] = [];
    let [now, most] = [0, 0];
    const slow = worker.task("slow", async () => {
      const { signal } = taskContext();
      most = Math.max(most, ++now);
      try {
        await untilAborted(signal);
      } finally {
        reasons.push(signal.reason);
        await nextTurn();
        now--;
      }
    }, { timeout: 30, retry: 0, maxTries: 3 });
    const run = running(worker);
    const { exception, tries } = await (await slow.enqueue()).result();
    assertInstanceOf(exception, TimeoutError);
    assertEquals([exception.message, tries], ["Task slow timed out: it did not finish within 30 ms", 3]);
    assert(reasons.every((reason) => reason instanceof TimeoutError));
    await run.stop();
    // The last try fails at once, as its function cannot overlap another one.
    await eventually(() => reasons.length === 3);
    assertEquals([most, worker.counters.retried, worker.counters.failed], [1, 2, 1]);
    await stage.assertClean(worker);
  });

  const endings: [ending: string, end: () => unknown][] = [
    ["returns late", () => "late"],
    ["throws late", () => {
      throw new RangeError("late");
    }],
    ["asks late for a retry", () => {
      throw new StreaqRetry("late", { delay: "1h" });
    }],
  ];
  for (const [ending, end] of endings) {
    it(`is the outcome of a run whose function ${ending}: the task is tried again then, not before`, async () => {
      const worker = await stage.worker();
      const freeSlots = slotCounter(worker);
      const { open, opened } = gate();
      const asked: string[] = [];
      let runs = 0;
      let signal: AbortSignal | undefined;
      const slow = worker.task("slow", async () => {
        if (++runs > 1) return "second";
        ({ signal } = taskContext());
        await opened;
        return end();
      }, {
        timeout: 50,
        retry: (error) => {
          asked.push(error.name);
          return 0;
        },
      });
      const run = running(worker);
      const task = await slow.enqueue();
      await eventually(() => signal?.aborted ?? false);
      assertInstanceOf(signal!.reason, TimeoutError);
      // The slot is taken, and the task runs as before.
      assertEquals(await freeSlots(), 15);
      assertEquals([await task.status(), worker.running, worker.lingering], ["running", 1, 0]);
      assertEquals([runs, worker.counters.retried, worker.counters.failed], [1, 0, 0]);
      open();
      const { result, tries } = await task.result();
      assertEquals([result, tries, runs, asked], ["second", 2, 2, ["TimeoutError"]]);
      await run.stop();
      const { retried, failed, relinquished } = worker.counters;
      assertEquals([retried, failed, relinquished], [1, 0, 0]);
      await stage.assertClean(worker);
    });
  }

  it("fails the task at once if the policy answers null, or throws, or no try is left", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    const never = worker.task("never", () => opened, { timeout: 30, retry: () => null });
    const broken = worker.task("broken", () => opened, { timeout: 30, retry: () => NaN });
    const last = worker.task("last", () => opened, { timeout: 30, retry: true, maxTries: 1 });
    const run = running(worker);
    const tasks = await worker.enqueueMany([never.enqueue(), broken.enqueue(), last.enqueue()]);
    const exceptions = (await Promise.all(tasks.map((task) => task.result()))).map(({ exception }) => exception!);
    assertEquals(exceptions.map(({ name }) => name), ["TimeoutError", "StreaqError", "TimeoutError"]);
    assertInstanceOf(exceptions[1]!.cause, TimeoutError);
    await eventually(() => worker.lingering === 3);
    open();
    await run.stop();
    assertEquals([worker.counters.failed, worker.counters.retried], [3, 0]);
    await stage.assertClean(worker);
  });

  it("keeps the lock of a unique task until the function has settled", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    let signal: AbortSignal | undefined;
    let runs = 0;
    const only = worker.task("only", async () => {
      if (++runs > 1) return runs;
      ({ signal } = taskContext());
      await opened;
      return runs;
    }, { unique: true, timeout: 50, retry: "300ms" });
    const run = running(worker);
    const first = await only.enqueue();
    await eventually(() => signal?.aborted ?? false);
    const { exception } = await (await only.enqueue()).result();
    assertStringIncludes(exception!.message, `Task only is unique: task ${first.id} of this name is running`);
    open();
    // The lock is free until the next try.
    await eventually(async () => await first.status() !== "running");
    assertEquals((await first.result()).result, 2);
    await run.stop();
    await stage.assertClean(worker);
  });
});

behaviour("a run that waits for its function to settle after a timeout", (stage) => {
  /** A running worker with a task whose first run is overdue. Its function settles when `open` is called. */
  async function overdue(options: { gracePeriod?: number } = {}) {
    const lines = new Lines();
    const worker = await stage.worker({ ...options, logger: lines });
    const { open, opened } = gate();
    let signal: AbortSignal | undefined;
    let runs = 0;
    const slow = worker.task("slow", async () => {
      runs++;
      ({ signal } = taskContext());
      await opened;
    }, { timeout: 50, retry: "1h" });
    const run = running(worker);
    await receivesEvents(worker);
    const task = await slow.enqueue();
    await eventually(() => signal?.aborted ?? false);
    return { worker, lines, task, run, open, runs: () => runs };
  }

  it("can be aborted: its task is not tried again, and its slot is free once the function has settled", async () => {
    const { worker, task, run, open, runs } = await overdue();
    assertEquals(await task.abort(), true);
    assertInstanceOf((await task.result()).exception, StreaqCancelled);
    await eventually(() => worker.counters.aborted === 1);
    assertEquals([worker.running, worker.lingering], [1, 1]);
    open();
    await eventually(() => worker.running === 0);
    assertInstanceOf((await task.result()).exception, StreaqCancelled);
    await run.stop();
    assertEquals([runs(), worker.counters.retried, worker.counters.failed], [1, 0, 0]);
    await stage.assertClean(worker);
  });

  it("is waited for by a shutdown, and its task is then put back at the cost of its try", async () => {
    const { worker, lines, task, run, open } = await overdue({ gracePeriod: 60_000 });
    const started = Date.now();
    const stopped = run.stop();
    await eventually(() => lines.with("waits up to 60000 ms for 1 running tasks").length === 1);
    open();
    await stopped;
    assertLess(Date.now() - started, 50_000);
    assertEquals([await task.status(), (await task.info())!.tries], ["scheduled", 1]);
    assertEquals([worker.counters.retried, worker.counters.relinquished], [1, 0]);
    assertEquals(lines.with("ignores its signal"), []);
    await task.abort();
    await stage.assertClean(worker);
  });

  it("does not hold up a shutdown: its task is put back for its next try, and the log names it", async () => {
    const { worker, lines, task, run, open, runs } = await overdue();
    await run.stop();
    assertEquals([await task.status(), (await task.info())!.tries], ["scheduled", 1]);
    assertEquals(lines.with(`${task.id} ignores its signal: its next run may overlap this one`).length, 1);
    assertEquals([worker.counters.retried, worker.counters.relinquished], [1, 0]);
    open();
    await nextTurn();
    assertEquals([await task.status(), runs()], ["scheduled", 1]);
    await task.abort();
    await stage.assertClean(worker);
  });
});

describe("a function that ignores its signal after a timeout, by a TestClock", () => {
  const setUp = clockedWorkers();

  /** A task whose first run settles `ms` after it was started, in spite of a timeout of 5 s. */
  function slowTask(ms: number, { idleTimeout = "60s" }: { idleTimeout?: "1s" | "60s" } = {}) {
    const lines = new Lines();
    const { clock, worker } = setUp("2027-03-27T12:00:00Z", { idleTimeout, logger: lines });
    const starts: number[] = [];
    const work = async () => {
      starts.push(clock.monotonic());
      if (starts.length === 1) await clock.delay(ms);
      return "done";
    };
    const options = { timeout: "5s", retry: "1m" } as const;
    const other = setUp(undefined, { clock, idleTimeout, concurrency: 1 }).worker;
    other.task("slow", work, options);
    return { clock, worker, lines, other, starts, slow: worker.task("slow", work, options) };
  }

  it("is tried again if it settles within 10 s", async () => {
    const { clock, worker, starts, slow } = slowTask(14_999);
    void worker.run();
    const task = await slow.enqueue();
    await clock.advance(14_998);
    assertEquals([await task.status(), worker.counters.retried], ["running", 0]);
    await clock.advance("2m");
    const { result, tries } = await task.result();
    assertEquals([result, tries, starts], ["done", 2, [0, 74_999]]);
  });

  it("is not tried again if it does not: the task fails with the TimeoutError, and the log says why", async () => {
    const { clock, worker, lines, starts, slow } = slowTask(100_000);
    void worker.run();
    const task = await slow.enqueue();
    await clock.advance(14_999);
    assertEquals(await task.status(), "running");
    await clock.advance(1);
    const { exception, finishTime, startTime, tries } = await task.result();
    assertInstanceOf(exception, TimeoutError);
    assertEquals([finishTime - startTime, tries, worker.running, worker.lingering], [15_000, 1, 1, 1]);
    const reason =
      "failed, and is not tried again because its function ignores its signal: TimeoutError: Task slow timed out";
    assertEquals(lines.with(`× ${task.id} ${reason}`).length, 1);
    await clock.advance(1000);
    assertEquals(lines.with("has finished, but its function ignores its signal and keeps its slot").length, 1);
    await clock.advance("3m");
    assertEquals([starts.length, worker.running], [1, 0]);
    assertEquals([worker.counters.failed, worker.counters.retried], [1, 0]);
  });

  it("keeps its lease meanwhile: no other worker runs the task", async () => {
    const { clock, worker, other, starts, slow } = slowTask(14_000, { idleTimeout: "1s" });
    void worker.run();
    const task = await slow.enqueue();
    await clock.advance("1s");
    void other.run();
    await clock.advance(12_999);
    assertEquals([starts, worker.running, other.running], [[0], 1, 0]);
    await clock.advance("2m");
    assertEquals([(await task.result()).tries, starts], [2, [0, 74_000]]);
  });

  it("loses its task to a worker that has taken it over, at the cost of nothing", async () => {
    const { clock, worker, starts, slow } = slowTask(14_000);
    void worker.run();
    const task = await slow.enqueue();
    await clock.advance("6s");
    // As after a stall of the event loop for as long as idleTimeout.
    const queue = queueAt(clock, "memory://", worker.queueName);
    const thief = new Leases(queue, { name: "thief", lanes: [queue.lane("normal")], binary: false });
    const { deliveries } = thief.takeOver(1, { idleTimeout: 0, inFlight: [], quarantined: 1 });
    assertEquals(deliveries.map(({ taskId }) => taskId), [task.id]);
    await clock.advance("6s");
    assertEquals([worker.counters.relinquished, worker.running, worker.lingering], [1, 1, 1]);
    await clock.advance("6s");
    assertEquals([worker.running, starts], [0, [0]]);
    const { retried, failed, completed, relinquished } = worker.counters;
    assertEquals([retried, failed, completed, relinquished], [0, 0, 0, 1]);
    assertEquals(await task.status(), "running");
  });

  it("fails seven times in hours of advanced time, and then succeeds", async () => {
    const { clock, worker } = setUp();
    const times: number[] = [];
    const flaky = worker.task("flaky", () => {
      times.push(clock.monotonic());
      if (times.length < 8) throw new Error(`failure ${times.length}`);
      return "done";
    }, { retry: { min: "1m", max: "1h" }, maxTries: 8, ttl: null });
    void worker.run();
    const task = await flaky.enqueue();
    await clock.advance("4h");
    const { result, tries } = await task.result();
    assertEquals([result, tries, worker.counters.retried], ["done", 8, 7]);
    for (let n = 1; n < 8; n++) {
      const [pause, longest] = [times[n]! - times[n - 1]!, Math.min(60, 2 ** (n - 1)) * 60_000];
      assert(pause >= longest / 2 && pause <= longest, `pause ${n}: ${pause} ms`);
    }
  });
});
