import { it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import type { StartOptions } from "../../../src/queue/enqueue/start_options.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";

behaviour("a delayed task", (stage) => {
  /** A worker with a task that records its runs and returns the time. */
  async function setUp() {
    const worker = await stage.worker({ priorities: ["low", "high"], concurrency: 1 });
    const ran: string[] = [];
    const job = worker.task((name: string) => {
      ran.push(name);
      return Date.now();
    }, { name: "job" });
    return { worker, job, ran };
  }

  it("runs at its time, never early", async () => {
    const { worker, job } = await setUp();
    const run = running(worker);
    const start = Date.now();
    const [delayed, scheduled] = await worker.enqueueMany([
      job.enqueue("delay").start({ delay: 1000 }),
      job.enqueue("schedule").start({ schedule: new Date(start + 1100) }),
    ]);
    assertEquals([await delayed.status(), await scheduled.status()], ["scheduled", "scheduled"]);
    assert(Math.abs((await scheduled.info())!.scheduled!.getTime() - start - 1100) < 1);
    const times = [(await delayed.result()).result! - start, (await scheduled.result()).result! - start];
    assert(times[0]! >= 1000 && times[0]! < 5000, `${times[0]} ms`);
    assert(times[1]! >= 1100 && times[1]! < 5000, `${times[1]} ms`);
    const { enqueueTime } = await scheduled.result();
    assertEquals(enqueueTime, start + 1100);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("runs at once if its time has passed or its delay is 0", async () => {
    const { worker, job, ran } = await setUp();
    await worker.enqueueMany([
      job.enqueue("zero").start({ delay: 0 }),
      job.enqueue("past").start({ schedule: new Date(1000) }),
      job.enqueue("plain"),
    ]);
    await worker.run({ burst: true });
    assertEquals(ran, ["zero", "past", "plain"]);
  });

  it("runs in the order of due times within a priority, the higher priority first", async () => {
    const { worker, job, ran } = await setUp();
    const due = Date.now() + 200;
    const at = (name: string, ms: number, priority: string) =>
      job.enqueue(name).start({ schedule: new Date(due + ms), priority });
    await worker.enqueueMany([at("l2", 2, "low"), at("h2", 2, "high"), at("l1", 1, "low"), at("h1", 1, "high")]);
    await eventually(() => Date.now() > due + 10);
    await worker.run({ burst: true });
    assertEquals(ran, ["h1", "h2", "l1", "l2"]);
  });

  it("wakes an idle worker, also if it becomes the earliest of all", async () => {
    const { worker, job, ran } = await setUp();
    const run = running(worker);
    await job.enqueue("hour").start({ delay: "1h" });
    const soon = await job.enqueue("soon").start({ delay: 300 });
    await soon.result({ timeout: "5s" });
    assertEquals(ran, ["soon"]);
    await run.stop();
  });

  it("does not keep a burst waiting, and is enqueued once per id", async () => {
    const { worker, job, ran } = await setUp();
    const task = await job.enqueue("later").start({ delay: "1h", id: "mine" });
    await job.enqueue("again").start({ delay: "1s", id: "mine" });
    await worker.run({ burst: true });
    assertEquals([ran, await task.status(), await worker.queueSize()], [[], "scheduled", 1]);
    assertEquals(await task.abort(), true);
    await stage.assertClean(worker);
  });

  it("runs once among 1,200 that are due at the same time", async () => {
    const { worker, job, ran } = await setUp();
    const run = running(worker);
    const requests = Array.from({ length: 1200 }, (_, i) => job.enqueue(String(i)).start({ delay: 100 }));
    const tasks = await worker.enqueueMany(requests);
    await Promise.all(tasks.map((task) => task.result({ timeout: "20s" })));
    assertEquals([ran.length, new Set(ran).size], [1200, 1200]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("is refused at once if its time is invalid", async () => {
    const { job } = await setUp();
    const refused: [StartOptions, new (message: string) => Error, string][] = [
      [{ delay: 1, schedule: new Date() }, StreaqError, "delay and schedule"],
      [{ delay: -1 }, RangeError, "-1"],
      [{ delay: "soon" as "1s" }, TypeError, "soon"],
      [{ schedule: new Date(NaN) }, StreaqError, "Invalid Date"],
      [{ schedule: 5 as unknown as Date }, StreaqError, "5"],
      [{ schedule: "every day" }, StreaqError, "every day"],
      [{ schedule: "0 0 30 2 *" }, StreaqError, "never due"],
    ];
    for (const [options, type, message] of refused) {
      assertThrows(() => job.enqueue("x").start(options), type, message);
    }
  });
});
