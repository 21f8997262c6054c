import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { occurrenceId } from "../../src/queue/schedule/occurrence.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { type Note, WorkerProcesses } from "./worker_processes.ts";

const stage = new Stage(onRedis);

/**
 * Checks the starts of a task that has succeeded with a number of tries. It may start again only after its previous worker
 * was killed. A worker that was killed after it had started the task, but before the function was called, spent a try
 * without a note.
 *
 * @param kills By worker: when it was killed.
 */
function assertOneRun(starts: readonly Note[], tries: number, kills: ReadonlyMap<string, number>): void {
  for (const [i, start] of starts.entries()) {
    const previous = starts[i - 1];
    if (!previous) continue;
    const killed = kills.get(previous.workerId);
    assert(killed !== undefined, `${start.taskId} ran again although ${previous.workerId} was not killed`);
    assertGreaterOrEqual(start.time, killed, `${start.taskId} ran again before ${previous.workerId} was killed`);
    assertGreater(start.tries, previous.tries);
  }
  assertEquals(starts.at(-1)?.tries, tries);
  assertLessOrEqual(tries - starts.length, kills.size);
}

describe("a cron job that is due every second", () => {
  it("runs once for each occurrence while workers are killed and stopped at random", async () => {
    const worker = await stage.worker();
    const options = { redisUrl: (await stage.broker).server.url, queueName: worker.queueName };
    // Long enough that no living worker loses a lease on a busy machine.
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 3000, cron: "* * * * * *" });
    const workers = [await processes.start(), await processes.start(), await processes.start()];
    await eventually(() => processes.starts().length > 0, { timeout: 10_000 });
    const first = Math.floor(Date.now() / 1000) * 1000;
    const end = first + 12_000;
    const kills = new Map<string, number>();
    while (Date.now() < end) {
      // At any moment between two occurrences.
      await sleep(500 + Math.random() * 1000);
      const victim = workers.shift()!;
      if (Math.random() < 0.5) {
        kills.set(victim.workerId, Date.now());
        await victim.kill();
      } else {
        await victim.stop();
      }
      workers.push(await processes.start());
    }
    const expected = Array.from({ length: 11 }, (_, i) => occurrenceId("job", first + (i + 1) * 1000));
    // Another worker takes over what a killed one had leased.
    await eventually(() => expected.every((id) => processes.starts(id).length > 0), {
      timeout: 20_000,
      message: "every occurrence has started",
    });
    const results = await Promise.all(expected.map((id) => worker.resultById(id, { timeout: "20s" })));
    await Promise.all(workers.map(({ stop }) => stop()));
    for (const [i, id] of expected.entries()) {
      const { success, tries } = results[i]!;
      assert(success);
      assertOneRun(processes.starts(id), tries, kills);
    }
  });

  it("runs once for each occurrence, and delayed tasks are never early, although the clocks of workers differ", async () => {
    const worker = await stage.worker();
    const work = worker.task((_ms: number): void => {}, { name: "work" });
    const options = { redisUrl: (await stage.broker).server.url, queueName: worker.queueName };
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 2000, cron: "* * * * * *" });
    const hour = 3_600_000;
    await Promise.all([hour, -hour, 0].map((clockOffset) => processes.start({ clockOffset })));
    const begin = Math.floor(Date.now() / 1000) * 1000 + 1000;
    const due = Array.from({ length: 60 }, (_, i) => begin + i * 50);
    const requests = due.map((time) => work.enqueue(1).start({ schedule: new Date(time) }));
    const tasks = await worker.enqueueMany(requests);
    await Promise.all(tasks.map((task) => task.result({ timeout: "20s" })));
    for (const [i, { id }] of tasks.entries()) {
      const [start, ...others] = processes.starts(id);
      assertEquals(others, []);
      // The processes and the server share a clock, but round its time differently.
      assert(start!.time >= due[i]! - 1, `${due[i]! - start!.time} ms early`);
    }
    const expected = [0, 1, 2].map((i) => occurrenceId("job", begin + i * 1000));
    await eventually(() => assertEquals(expected.map((id) => processes.starts(id).length), [1, 1, 1]), {
      timeout: 10_000,
    });
  });

  it("is scheduled again after Redis has lost all data", async () => {
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
