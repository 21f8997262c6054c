import { it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, running, sleep } from "../stage.ts";

behaviour("run()", (stage) => {
  it("ends with burst when nothing is left, also when tasks enqueue tasks", async () => {
    const worker = await stage.worker({ concurrency: 2 });
    const down = worker.task(async (n: number): Promise<void> => {
      if (n > 0) await down.enqueue(n - 1);
      await sleep(5);
    }, { name: "down" });
    await down.enqueue(10);
    await worker.run({ burst: true });
    assertEquals(worker.counters.completed, 11);
    await stage.assertClean(worker);
  });

  it("ends normally when its signal is aborted, before or after it began", async () => {
    const worker = await stage.worker();
    await worker.run({ signal: AbortSignal.abort() });
    const run = running(worker);
    await eventually(() => worker.context === undefined);
    await run.stop();
  });

  it("runs what comes, as many at once as it has slots", async () => {
    const worker = await stage.worker({ concurrency: 3 });
    let most = 0;
    const busy = worker.task(async function busy() {
      most = Math.max(most, worker.running);
      await sleep(30);
    });
    const run = running(worker);
    const tasks = await worker.enqueueMany(Array.from({ length: 12 }, () => busy.enqueue()));
    await Promise.all(tasks.map((task) => task.result()));
    await run.stop();
    assertEquals([most, worker.counters.completed], [3, 12]);
    assertEquals(worker.running, 0);
  });

  it("refuses to run twice at once, and can run again", async () => {
    const worker = await stage.worker();
    const run = running(worker);
    await assertRejects(() => worker.run(), StreaqError, worker.id);
    await run.stop();
    await worker.run({ burst: true });
  });

  it("logs in the format of the reference, without payloads, and not for silent tasks", async () => {
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

  it("logs a failure with its stack down to where the task began", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const fail = worker.task(async function fail() {
      await Promise.resolve();
      throw new RangeError("too far");
    });
    await fail.enqueue();
    await worker.run({ burst: true });
    const [line] = lines.with("too far");
    assertStringIncludes(line!, "run.test.ts");
    assert(!line!.includes("executor"), line);
  });

  it("fails a task of a name that no worker has registered", async () => {
    const worker = await stage.worker();
    const other = await stage.worker({ queueName: worker.queueName });
    const task = await other.task(() => 1, { name: "elsewhere" }).enqueue();
    await worker.run({ burst: true });
    assertStringIncludes((await task.result()).exception!.message, "elsewhere");
    await stage.assertClean(worker);
  });
});

behaviour("close()", (stage) => {
  it("is harmless twice, at once and one after the other", async () => {
    const worker = await stage.worker();
    await worker.connect();
    await Promise.all([worker.close(), worker.close()]);
    await worker.close();
  });

  it("stops a run", async () => {
    const worker = await stage.worker();
    const ended = worker.run();
    await eventually(() => worker.context === undefined);
    await worker.close();
    await ended;
  });

  it("leaves nothing usable behind, and says so", async () => {
    const worker = await stage.worker();
    const task = worker.task(() => 1, { name: "one" });
    await worker.close();
    await assertRejects(() => worker.run(), StreaqError, "closed");
    await assertRejects(() => worker.connect(), StreaqError, "closed");
    await assertRejects(async () => await task.enqueue(), Error, "closed");
  });
});

behaviour("a worker that is stopped", (stage) => {
  it("counts a value that is returned within half a second of the abort", async () => {
    const worker = await stage.worker();
    const late = worker.task(async function late() {
      await sleep(250);
      return "late";
    });
    const run = running(worker);
    const task = await late.enqueue();
    await eventually(() => worker.running === 1);
    await run.stop();
    assertEquals((await task.result()).result, "late");
  });
});
