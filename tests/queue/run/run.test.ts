import { it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, running, sleep, untilAborted } from "../stage.ts";

behaviour("run()", (stage) => {
  it("resolves with burst when nothing is left, also if tasks enqueue tasks", async () => {
    const worker = await stage.worker({ concurrency: 2 });
    const down = worker.task(async (n: number): Promise<void> => {
      if (n > 0) await down.enqueue(n - 1);
    }, { name: "down" });
    await down.enqueue(10);
    await worker.run({ burst: true });
    assertEquals(worker.counters.completed, 11);
    await stage.assertClean(worker);
  });

  it("resolves when its signal aborts, before or after it has begun", async () => {
    const worker = await stage.worker();
    await worker.run({ signal: AbortSignal.abort() });
    const run = running(worker);
    await eventually(() => worker.context === undefined);
    await run.stop();
  });

  it("runs as many tasks at once as the worker has slots", async () => {
    const worker = await stage.worker({ concurrency: 3 });
    const { open, opened } = gate();
    let [active, most] = [0, 0];
    const busy = worker.task(async function busy() {
      most = Math.max(most, ++active, worker.running);
      await opened;
      active--;
    });
    const run = running(worker);
    const tasks = await worker.enqueueMany(Array.from({ length: 12 }, () => busy.enqueue()));
    await eventually(() => active === 3);
    assertEquals((await worker.getTasksByStatus("running")).length, 3);
    open();
    await Promise.all(tasks.map((task) => task.result()));
    await run.stop();
    assertEquals([most, worker.counters.completed], [3, 12]);
    assertEquals(worker.running, 0);
  });

  it("rejects while the worker is already running, and can be called again later", async () => {
    const worker = await stage.worker();
    const run = running(worker);
    await assertRejects(() => worker.run(), StreaqError, worker.id);
    await run.stop();
    await worker.run({ burst: true });
  });

  it("logs in the format of the reference, without payloads, and nothing about silent tasks", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const loud = worker.task(async function loud(_secret: string) {}, {});
    const quiet = worker.task(async function quiet(_secret: string) {}, { silent: true });
    const [task] = await worker.enqueueMany([loud.enqueue("s3cret"), quiet.enqueue("s3cret")]);
    await worker.run({ burst: true });
    assertEquals(lines.with("loud"), [
      `info task loud □ ${task.id} → worker ${worker.id}`,
      `info task loud ■ ${task.id}`,
    ]);
    assertEquals(lines.with("quiet"), []);
    assertEquals(lines.with("s3cret"), []);
  });

  it("logs a failure with its stack down to the function of the task", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    let whole = "";
    const fail = worker.task(async function fail() {
      whole = new Error("whole").stack!;
      await Promise.resolve();
      throw new RangeError("too far");
    });
    await fail.enqueue();
    await worker.run({ burst: true });
    const [line] = lines.with("too far");
    assertStringIncludes(line!, "run.test.ts");
    assertStringIncludes(whole, "src/queue/");
    assert(!line!.includes("src/queue/"), line);
  });

  it("fails a task whose name the worker has not registered", async () => {
    const worker = await stage.worker();
    const other = await stage.worker({ queueName: worker.queueName });
    const task = await other.task(() => 1, { name: "elsewhere" }).enqueue();
    await worker.run({ burst: true });
    assertStringIncludes((await task.result()).exception!.message, "elsewhere");
    await stage.assertClean(worker);
  });
});

behaviour("close()", (stage) => {
  it("can be called twice, at once or one after the other", async () => {
    const worker = await stage.worker();
    await worker.connect();
    await Promise.all([worker.close(), worker.close()]);
    await worker.close();
  });

  it("makes run() resolve", async () => {
    const worker = await stage.worker();
    const ended = worker.run();
    await eventually(() => worker.context === undefined);
    await worker.close();
    await ended;
  });

  it("makes later calls reject", async () => {
    const worker = await stage.worker();
    const task = worker.task(() => 1, { name: "one" });
    await worker.close();
    await assertRejects(() => worker.run(), StreaqError, "closed");
    await assertRejects(() => worker.connect(), StreaqError, "closed");
    await assertRejects(async () => await task.enqueue(), Error, "closed");
  });
});

behaviour("a shutdown", (stage) => {
  it("still completes a task whose function returns within half a second of the abort", async () => {
    const worker = await stage.worker();
    const late = worker.task(async function late() {
      isRunning = true;
      await untilAborted(taskContext().signal).catch(() => {});
      await sleep(50);
      return "late";
    });
    let isRunning = false;
    const run = running(worker);
    const task = await late.enqueue();
    await eventually(() => isRunning);
    await run.stop();
    assertEquals((await task.result()).result, "late");
  });
});
