import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { occurrenceId } from "../../src/queue/schedule/occurrence.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { Crew } from "./crew.ts";

const stage = new Stage(onRedis);

describe("a cron job every second", () => {
  it("runs once for each occurrence, and none is missing, while workers are restarted at random", async () => {
    const worker = await stage.worker();
    const options = { redisUrl: (await stage.broker).server.url, queueName: worker.queueName };
    await using crew = new Crew({ ...options, idleTimeout: 1000, cron: "* * * * * *" });
    const hands = await Promise.all([crew.hire(), crew.hire(), crew.hire()]);
    await eventually(() => crew.starts().length > 0, { timeout: 10_000 });
    const first = Math.floor(Date.now() / 1000) * 1000;
    const end = first + 12_000;
    while (Date.now() < end) {
      await sleep(500 + Math.random() * 1000);
      const victim = hands.shift()!;
      victim.signal(Math.random() < 0.5 ? "SIGKILL" : "SIGTERM");
      await victim.ended;
      hands.push(await crew.hire());
    }
    // What a killed worker held is taken over.
    const expected = Array.from({ length: 11 }, (_, i) => occurrenceId("job", first + (i + 1) * 1000));
    await eventually(() => expected.every((id) => crew.starts(id).length > 0), {
      timeout: 10_000,
      message: "each occurrence has run",
    });
    for (const hand of hands) hand.signal("SIGTERM");
    await Promise.all(hands.map(({ ended }) => ended));
    for (const id of expected) {
      const { success, tries } = await worker.resultById(id);
      assertEquals([success, crew.starts(id).length], [true, tries]);
    }
  });

  it("runs once for each occurrence, and delayed tasks are never early, whatever the clocks of the workers say", async () => {
    const worker = await stage.worker();
    const work = worker.task(async (_ms: number) => await Promise.resolve(), { name: "work" });
    const options = { redisUrl: (await stage.broker).server.url, queueName: worker.queueName };
    await using crew = new Crew({ ...options, idleTimeout: 2000, cron: "* * * * * *" });
    const hour = 3_600_000;
    await Promise.all([hour, -hour, 0].map((clockOffset) => crew.hire({ clockOffset })));
    const begin = Math.floor(Date.now() / 1000) * 1000 + 1000;
    const due = Array.from({ length: 60 }, (_, i) => begin + i * 50);
    const requests = due.map((time) => work.enqueue(1).start({ schedule: new Date(time) }));
    const tasks = await worker.enqueueMany(requests);
    await Promise.all(tasks.map((task) => task.result({ timeout: "20s" })));
    for (const [i, { id }] of tasks.entries()) {
      const [start, ...others] = crew.starts(id);
      assertEquals(others, []);
      // Both clocks are of one machine, and count whole milliseconds.
      assert(start!.time >= due[i]! - 1, `${due[i]! - start!.time} ms early`);
    }
    const expected = [0, 1, 2].map((i) => occurrenceId("job", begin + i * 1000));
    await eventually(() => assertEquals(expected.map((id) => crew.starts(id).length), [1, 1, 1]), { timeout: 10_000 });
  });

  it("comes back by itself after Redis has lost everything", async () => {
    const worker = await stage.worker({ idleTimeout: 1000 });
    let runs = 0;
    worker.cron("* * * * * *", () => void runs++, { name: "job" });
    const run = running(worker);
    await eventually(() => runs > 0);
    await worker.redis.command(["FLUSHALL"]);
    const before = runs;
    await eventually(() => runs >= before + 3, { timeout: 10_000 });
    await run.stop();
  });
});
