/** The promises of `docs/testing.md`: each test takes milliseconds, however much time passes in it. */
import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { StreaqError, StreaqRetry, TimeoutError } from "../../../src/base/errors.ts";
import { TestClock } from "../../../src/base/test_clock.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { TaskStatus } from "../../../src/queue/inspect/task_status.ts";
import { Worker } from "../../../src/queue/worker.ts";
import { sleep } from "../stage.ts";
import { clockedWorkers } from "./clocked_workers.ts";

const setUp = clockedWorkers();

describe("a worker with a TestClock", () => {
  it("runs a delayed task when its time has come, not before", async () => {
    const { clock, worker, note, times } = setUp();
    void worker.run();
    const task = await note.enqueue().start({ delay: "6h" });
    await clock.advance("5h");
    assertEquals([times, await task.status()], [[], TaskStatus.Scheduled]);
    await clock.advance("1h");
    assertEquals([times, await task.status()], [["2027-03-27T18:00:00.000Z"], TaskStatus.Done]);
  });

  it("retries a task after the square of its tries in seconds", async () => {
    const { clock, worker } = setUp();
    const times: number[] = [];
    const flaky = worker.task(function flaky(): string {
      times.push(clock.monotonic());
      if (taskContext().tries < 4) throw new StreaqRetry("Not yet");
      return "done";
    }, { maxTries: 4 });
    void worker.run();
    const task = await flaky.enqueue();
    await clock.advance("1m");
    assertEquals(times, [0, 1000, 5000, 14_000]);
    assertEquals((await task.result()).result, "done");
  });

  it("times out a task that hangs", async () => {
    const { clock, worker } = setUp();
    const hang = worker.task(async function hang(): Promise<void> {
      await new Promise((resolve) => taskContext().signal.addEventListener("abort", resolve));
    }, { timeout: "30s" });
    void worker.run();
    const task = await hang.enqueue();
    await clock.advance(29_999);
    assertEquals(await task.status(), TaskStatus.Running);
    await clock.advance(1);
    assertInstanceOf((await task.result()).exception, TimeoutError);
  });

  it("starts the timeout anew for each try", async () => {
    const { clock, worker } = setUp();
    const signals: AbortSignal[] = [];
    const job = worker.task(async function job(): Promise<number> {
      const { tries, signal } = taskContext();
      signals.push(signal);
      await clock.delay("50s");
      if (tries < 3) throw new StreaqRetry("Again", { delay: 0 });
      return tries;
    }, { timeout: "1m" });
    void worker.run();
    const task = await job.enqueue();
    await clock.advance("3m");
    assertEquals((await task.result()).result, 3);
    assertEquals(signals.map(({ aborted }) => aborted), [false, false, false]);
    assertEquals([worker.counters.retried, worker.counters.failed], [2, 0]);
  });

  it("expires a task that no worker starts in time", async () => {
    const { clock, worker } = setUp();
    const mail = worker.task(function mail(): void {}, { expire: "10m" });
    const task = await mail.enqueue();
    await clock.advance("11m");
    await worker.drain();
    assertEquals((await task.result()).exception!.message, "Task mail expired: it was not started within 600000 ms");
  });

  it("keeps a result for as long as its ttl", async () => {
    const { clock, worker } = setUp();
    const brief = worker.task(function brief(): number {
      return 1;
    }, { ttl: "1h" });
    const task = await brief.enqueue();
    await worker.drain();
    await clock.advance(3_599_999);
    assertEquals((await task.result()).result, 1);
    await clock.advance(1);
    assertEquals(await task.status(), TaskStatus.NotFound);
    await assertRejects(() => task.result(), StreaqError, "gone");
  });

  it("runs a job at two o'clock once a night, also in the nights of the clock changes", async () => {
    for (
      const [now, expected] of [
        // There is no two o'clock in the first night, and there are two in the second.
        ["2027-03-27T12:00:00Z", ["2027-03-28T01:00:00.000Z", "2027-03-29T00:00:00.000Z"]],
        ["2027-10-30T12:00:00Z", ["2027-10-31T00:00:00.000Z", "2027-11-01T01:00:00.000Z"]],
      ] as const
    ) {
      const { clock, worker } = setUp(now, { timeZone: "Europe/Berlin" });
      const times: string[] = [];
      worker.cron("0 2 * * *", function nightly(): void {
        times.push(new Date(clock.now()).toISOString());
      });
      void worker.run();
      await clock.advance("2d");
      assertEquals(times, [...expected]);
    }
  });

  it("renews the lease of a task that outlasts the idleTimeout, so that it runs once", async () => {
    const { clock, worker } = setUp("2027-03-27T12:00:00Z", { idleTimeout: "1s" });
    const { worker: other } = setUp(undefined, { clock, idleTimeout: "1s" });
    let runs = 0;
    const slow = async () => {
      runs++;
      await clock.delay("10s");
    };
    const job = worker.task(slow, { name: "slow" });
    other.task(slow, { name: "slow" });
    void worker.run();
    void other.run();
    const task = await job.enqueue();
    await clock.advance("20s");
    const { success, tries } = await task.result();
    assertEquals([runs, success, tries], [1, true, 1]);
  });

  it("waits for its lifespan, and for functions that do real work", async () => {
    const times: [string, number][] = [];
    const realWork = () => sleep(20);
    const { clock, worker } = setUp("1970-01-01T00:00:00Z", {
      concurrency: 1,
      lifespan: async function* () {
        await realWork();
        yield undefined;
      },
    });
    worker.cron("*/10 * * * * *", function often(): void {
      times.push(["often", clock.now()]);
    });
    const slow = worker.task(async function slow(): Promise<void> {
      await clock.delay("5s");
      await realWork();
      times.push(["slow", clock.now()]);
    }, { timeout: "1m" });
    const cleaning = worker.task(async function cleaning(): Promise<void> {
      await new Promise((resolve) => taskContext().signal.addEventListener("abort", resolve));
      await realWork();
      times.push(["cleaned", clock.now()]);
    }, { timeout: "1s" });
    void worker.run();
    await slow.enqueue().start({ delay: "1s" });
    await cleaning.enqueue().start({ delay: "12s" });
    await clock.advance("20s");
    assertEquals(times, [["slow", 6000], ["often", 10_000], ["cleaned", 13_000], ["often", 20_000]]);
  });

  it("measures the timeout of result() by the clock", async () => {
    const { clock, note } = setUp();
    const task = await note.enqueue();
    const waiting = assertRejects(() => task.result({ timeout: "1h" }), TimeoutError);
    await clock.advance("1h");
    await waiting;
  });

  it("runs a task with a schedule each time that it is due, until it is unscheduled", async () => {
    const { clock, worker, note, times } = setUp();
    void worker.run();
    const task = await note.enqueue().start({ schedule: "*/20 * * * *" });
    await clock.advance("1h");
    assertEquals(times.map((time) => time.slice(11, 16)), ["12:20", "12:40", "13:00"]);
    assertEquals(await task.unschedule(), true);
    await clock.advance("1d");
    assertEquals(times.length, 3);
  });

  it("shares nothing with a worker of another clock", async () => {
    const [one, two] = [setUp(), setUp()];
    const task = await one.note.enqueue();
    assertEquals(await two.worker.statusById(task.id), TaskStatus.NotFound);
    await two.worker.drain();
    assertEquals(await task.status(), TaskStatus.Queued);
  });

  it("is refused with Redis", () => {
    const clock = new TestClock();
    assertThrows(() => new Worker({ redisUrl: "redis://localhost", clock }), TypeError, "memory://");
  });
});
