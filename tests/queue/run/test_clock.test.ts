/** What `docs/testing.md` promises: each is over in milliseconds, however much time passes in it. */
import { after, describe, it } from "node:test";
import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { StreaqError, StreaqRetry, TimeoutError } from "../../../src/base/errors.ts";
import { TestClock } from "../../../src/base/test_clock.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { TaskStatus } from "../../../src/queue/inspect/task_status.ts";
import { Worker } from "../../../src/queue/worker.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { Lines, sleep } from "../stage.ts";

const workers: Worker[] = [];
after(async () => {
  await Promise.all(workers.map((worker) => worker.close()));
});

/** A worker with a clock of its own. */
function setUp(now = "2027-03-27T12:00:00Z", options: WorkerOptions<undefined> = {}) {
  const clock = new TestClock({ now: new Date(now) });
  const logger = new Lines();
  const worker = new Worker({ redisUrl: "memory://", clock, logger, handleSignals: false, ...options });
  workers.push(worker);
  /** A task that notes when it runs. */
  const times: string[] = [];
  const note = worker.task(function note(): void {
    times.push(new Date(clock.now()).toISOString());
  });
  return { clock, worker, note, times };
}

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

  it("retries after the square of the tries in seconds", async () => {
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

  it("ends a task that hangs after its timeout", async () => {
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

  it("lets a task expire that nobody has started in time", async () => {
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

  it("runs a job at two o'clock once in each night, also in those of the clock changes", async () => {
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

  it("renews the lease of a task that takes longer than the idle timeout: it runs once", async () => {
    const { clock, worker } = setUp("2027-03-27T12:00:00Z", { idleTimeout: "1s" });
    const other = new Worker({ redisUrl: "memory://", clock, logger: new Lines(), handleSignals: false });
    workers.push(other);
    let runs = 0;
    const slow = worker.task(async function slow(): Promise<void> {
      runs++;
      await new Promise<void>((resolve) => clock.timer(10_000, resolve));
    });
    void worker.run();
    void other.run();
    await slow.enqueue();
    await clock.advance("20s");
    assertEquals(runs, 1);
  });

  it("waits for one that starts, and for functions that do something real", async () => {
    const times: [string, number][] = [];
    const clock = new TestClock({ now: 0 });
    const worker = new Worker({
      redisUrl: "memory://",
      clock,
      logger: new Lines(),
      handleSignals: false,
      concurrency: 1,
      lifespan: async function* () {
        await sleep(20);
        yield undefined;
      },
    });
    workers.push(worker);
    worker.cron("*/10 * * * * *", function often(): void {
      times.push(["often", clock.now()]);
    });
    const slow = worker.task(async function slow(): Promise<void> {
      await clock.delay("5s");
      await sleep(20);
      times.push(["slow", clock.now()]);
    }, { timeout: "1m" });
    const cleaning = worker.task(async function cleaning(): Promise<void> {
      await new Promise((resolve) => taskContext().signal.addEventListener("abort", resolve));
      await sleep(20);
      times.push(["cleaned", clock.now()]);
    }, { timeout: "1s" });
    void worker.run();
    await slow.enqueue().start({ delay: "1s" });
    await cleaning.enqueue().start({ delay: "12s" });
    await clock.advance("20s");
    assertEquals(times, [["slow", 6000], ["often", 10_000], ["cleaned", 13_000], ["often", 20_000]]);
  });

  it("waits for a result by the clock too", async () => {
    const { clock, note } = setUp();
    const task = await note.enqueue();
    const waiting = assertRejects(() => task.result({ timeout: "1h" }), TimeoutError);
    await clock.advance("1h");
    await waiting;
  });

  it("runs a task that repeats each time that it is due, and its first occurrence can be told", async () => {
    const { clock, worker, note, times } = setUp();
    void worker.run();
    const task = await note.enqueue().start({ schedule: "*/20 * * * *" });
    await clock.advance("1h");
    assertEquals(times.map((time) => time.slice(11, 16)), ["12:20", "12:40", "13:00"]);
    assertEquals(await task.unschedule(), true);
    await clock.advance("1d");
    assertEquals(times.length, 3);
  });

  it("shares nothing with one that has another clock", async () => {
    const [one, two] = [setUp(), setUp()];
    const task = await one.note.enqueue();
    assertEquals(await two.worker.statusById(task.id), TaskStatus.NotFound);
    await two.worker.drain();
    assertEquals(await task.status(), TaskStatus.Queued);
  });

  it("is refused with a Redis", () => {
    const clock = new TestClock();
    assertThrows(() => new Worker({ redisUrl: "redis://localhost", clock }), TypeError, "memory://");
  });
});

describe("Worker.drain()", () => {
  it("runs what is there and what that enqueues, and leaves what is delayed", async () => {
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

  it("waits until a worker that runs already has nothing to do", async () => {
    const { worker, note, times } = setUp();
    const ended = worker.run();
    await worker.enqueueMany(Array.from({ length: 50 }, () => note.enqueue()));
    await worker.drain();
    assertEquals(times.length, 50);
    await worker.close();
    await ended;
  });

  it("runs what a task enqueues and waits for", async () => {
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

  it("waits until all is told that failed with another", async () => {
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

  it("ends for all who wait, also when the worker ends by itself or fails", async () => {
    const { worker } = setUp();
    await Promise.all([worker.drain(), worker.drain(), worker.drain()]);
    const burst = worker.run({ burst: true });
    await worker.drain();
    await burst;
    const failing = setUp("2027-03-27T12:00:00Z", {
      // deno-lint-ignore require-yield -- It fails before.
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

  it("is refused in a task, which would wait for itself", async () => {
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

  it("returns when the worker is closed meanwhile", async () => {
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
