import { it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import { StreaqError, StreaqRetry, TimeoutError } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { running, sleep } from "../stage.ts";

const unique = { unique: true, timeout: "1h" } as const;

behaviour("unique", (stage) => {
  it("fails a second one that starts while one runs, naming the task, without running it", async () => {
    const queueName = stage.newQueue();
    const workers = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    const { open, opened } = gate();
    let runs = 0;
    const only = async () => {
      runs++;
      await opened;
      return "first";
    };
    const [task] = workers.map((worker) => worker.task(only, { name: "only", ...unique }));
    const other = workers[0]!.task(() => "other", { name: "other", ...unique });
    workers[1]!.task(() => "other", { name: "other", ...unique });
    const runners = workers.map((worker) => running(worker));
    const first = await task!.enqueue();
    await eventually(() => runs === 1);
    for (let i = 0; i < 4; i++) {
      const second = await task!.enqueue();
      const { exception, tries } = await second.result();
      assertInstanceOf(exception, StreaqError);
      assertEquals(tries, 0);
      for (const part of ["only", first.id]) assertStringIncludes(exception.message, part);
    }
    // One of another name has a lock of its own.
    assertEquals((await (await other.enqueue()).result()).result, "other");
    open();
    assertEquals([(await first.result()).result, runs], ["first", 1]);
    assertEquals((await (await task!.enqueue()).result()).result, "first");
    await Promise.all(runners.map((run) => run.stop()));
    await stage.assertClean(workers[0]!);
  });

  it("needs a timeout", async () => {
    const worker = await stage.worker();
    assertThrows(() => worker.task(() => {}, { name: "one", unique: true }), StreaqError, "unique");
    assertThrows(() => worker.task(() => {}, { name: "one", unique: true, timeout: null }), StreaqError, "unique");
    assertEquals(worker.registry.size, 0);
  });

  it("keeps 60 at once over two workers apart", async () => {
    const queueName = stage.newQueue();
    const workers = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    let [open, most, runs] = [0, 0, 0];
    const only = async (ms: number) => {
      most = Math.max(most, ++open);
      runs++;
      await sleep(ms);
      open--;
      if (ms % 3 === 0) throw new RangeError("three");
      if (ms % 3 === 1) throw new StreaqRetry("again", { delay: ms });
    };
    const [task] = workers.map((worker) => worker.task(only, { name: "only", silent: true, ...unique }));
    const runners = workers.map((worker) => running(worker));
    const results = [];
    for (let round = 0; round < 6; round++) {
      const tasks = await workers[0]!.enqueueMany(Array.from({ length: 10 }, (_, i) => task!.enqueue(i)));
      results.push(...await Promise.all(tasks.map((task) => task.result())));
    }
    assertEquals(most, 1);
    const refused = results.filter((result) => !result.success && result.exception.message.includes("unique"));
    assert(refused.length > 0 && refused.length < 60, `${refused.length}`);
    assert(runs >= 60 - refused.length, `${runs}`);
    await Promise.all(runners.map((run) => run.stop()));
    await stage.assertClean(workers[0]!);
  });

  it("lets the next one run as soon as the result of the last is there, in whichever worker", async () => {
    const queueName = stage.newQueue();
    const options = { queueName, concurrency: 1 };
    const workers = [await stage.worker(options), await stage.worker(options), await stage.worker(options)];
    const ends = [() => "fine", () => {
      throw new RangeError("wrong");
    }, async () => {
      await Promise.resolve();
      throw new RangeError("wrong");
    }];
    const only = (i: number) => ends[i % 3]!();
    const [task] = workers.map((worker) => worker.task(only, { name: "only", silent: true, ...unique }));
    const runners = workers.map((worker) => running(worker));
    const seen: string[] = [];
    for (let i = 0; i < 90; i++) {
      const result = await (await task!.enqueue(i)).result();
      seen.push(result.success ? result.result : result.exception.message);
    }
    assertEquals(seen, seen.map((_, i) => i % 3 === 0 ? "fine" : "wrong"));
    await Promise.all(runners.map((run) => run.stop()));
    await stage.assertClean(workers[0]!);
  });

  it("lets another one run while the first waits to be tried again", async () => {
    const worker = await stage.worker();
    const ran: string[] = [];
    const only = worker.task((name: string) => {
      const { tries } = taskContext();
      ran.push(`${name} ${tries}`);
      if (name === "first" && tries === 1) throw new StreaqRetry("later", { delay: 500 });
    }, { name: "only", ...unique });
    const run = running(worker);
    const first = await only.enqueue("first");
    await eventually(async () => await first.status() === "scheduled");
    assertEquals((await (await only.enqueue("second")).result()).success, true);
    assertEquals((await first.result()).success, true);
    assertEquals(ran, ["first 1", "second 1", "first 2"]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("counts for a try again too: it fails when another one runs by then", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    let runs = 0;
    const only = worker.task(async (name: string) => {
      runs++;
      if (name === "second") await opened;
      else throw new StreaqRetry("later", { delay: 400 });
    }, { name: "only", ...unique });
    const run = running(worker);
    const first = await only.enqueue("first");
    await eventually(async () => await first.status() === "scheduled");
    const second = await only.enqueue("second");
    await eventually(() => runs === 2);
    const { exception, tries } = await first.result();
    assertStringIncludes(exception!.message, second.id);
    assertEquals([tries, runs], [1, 2]);
    open();
    assertEquals((await second.result()).success, true);
    await run.stop();
    await stage.assertClean(worker);
  });
});

behaviour("the lock of a unique task", (stage) => {
  const ends: [what: string, timeout: number][] = [["a timeout", 100], ["an abort", 3_600_000]];
  for (const [what, timeout] of ends) {
    it(`is held until the function has settled, though ${what} has ended its task`, async () => {
      const queueName = stage.newQueue();
      const options = { queueName, idleTimeout: 300 };
      const [worker, other] = [await stage.worker(options), await stage.worker(options)];
      const { open, opened } = gate();
      let runs = 0;
      const only = async (wait: boolean) => {
        runs++;
        if (wait) await opened;
      };
      const task = worker.task(only, { name: "only", unique: true, timeout });
      other.task(only, { name: "only", unique: true, timeout });
      const run = running(worker);
      const first = await task.enqueue(true);
      await eventually(() => runs === 1);
      if (what === "an abort") assertEquals(await first.abort(), true);
      assertEquals((await first.result()).exception instanceof TimeoutError, what === "a timeout");
      const another = running(other);
      // Longer than the lock lasts if nobody extends it.
      for (const until = Date.now() + 900; Date.now() < until; await sleep(50)) {
        const { exception } = await (await task.enqueue(false)).result();
        assertStringIncludes(exception!.message, first.id);
      }
      assertEquals(runs, 1);
      open();
      await eventually(() => worker.running === 0);
      assertEquals((await (await task.enqueue(false)).result()).success, true);
      await Promise.all([run.stop(), another.stop()]);
      await stage.assertClean(worker);
    });
  }

  it("is extended as long as the function runs: 1.2 s with an idleTimeout of 300 ms", async () => {
    const queueName = stage.newQueue();
    const options = { queueName, idleTimeout: 300 };
    const workers = [await stage.worker(options), await stage.worker(options)];
    let [open, most] = [0, 0];
    const only = async (ms: number) => {
      most = Math.max(most, ++open);
      await sleep(ms);
      open--;
    };
    const [task] = workers.map((worker) => worker.task(only, { name: "only", ...unique }));
    const runners = workers.map((worker) => running(worker));
    const long = await task!.enqueue(1200);
    await eventually(() => open === 1);
    const failures: boolean[] = [];
    while (await long.status() !== "done") {
      failures.push((await (await task!.enqueue(0)).result()).success);
      await sleep(40);
    }
    const { success, tries } = await long.result();
    assertEquals([success, tries, most], [true, 1, 1]);
    // The last one may have started after the end.
    assertEquals(failures.slice(0, -1), failures.slice(0, -1).fill(false));
    assert(failures.length > 3, `${failures.length}`);
    await Promise.all(runners.map((run) => run.stop()));
    await stage.assertClean(workers[0]!);
  });

  it("is not released by one that failed to take it", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    let runs = 0;
    const only = worker.task(async () => {
      runs++;
      await opened;
    }, { name: "only", ...unique });
    const run = running(worker);
    const first = await only.enqueue();
    await eventually(() => runs === 1);
    const others = await worker.enqueueMany(Array.from({ length: 30 }, () => only.enqueue()));
    const results = await Promise.all(others.map((task) => task.result()));
    assertEquals(results.filter(({ success }) => success), []);
    assertEquals(runs, 1);
    open();
    assertEquals((await first.result()).success, true);
    await run.stop();
    await stage.assertClean(worker);
  });

  const listens: [what: string, listen: boolean][] = [["heeds", true], ["ignores", false]];
  for (const [what, listen] of listens) {
    it(`is for the next run of a task that was handed back, when the function ${what} its signal`, async () => {
      const queueName = stage.newQueue();
      const [first, second] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
      const { open, opened } = gate();
      let runs = 0;
      const only = async () => {
        if (++runs > 1) return "second run";
        const { signal } = taskContext();
        await (listen ? sleep(20_000, signal) : opened);
      };
      const task = await first.task(only, { name: "only", ...unique }).enqueue();
      second.task(only, { name: "only", ...unique });
      const run = running(first);
      await eventually(() => runs === 1);
      await run.stop();
      const next = running(second);
      const result = await task.result();
      assertEquals([result.success && result.result, result.tries, runs], ["second run", 1, 2]);
      open();
      await next.stop();
      await stage.assertClean(second);
    });
  }

  it("that was taken over is not released by the run that had it before", async () => {
    const queueName = stage.newQueue();
    const [first, second] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    const [before, after] = [gate(), gate()];
    let runs = 0;
    const only = () => ++runs === 1 ? before.opened : after.opened;
    const task = first.task(only, { name: "only", ...unique });
    second.task(only, { name: "only", ...unique });
    const run = running(first);
    const held = await task.enqueue();
    await eventually(() => runs === 1);
    // It ignores its signal, so it is handed back and goes on.
    await run.stop();
    const next = running(second);
    await eventually(() => runs === 2);
    before.open();
    await sleep(200);
    const { exception } = await (await task.enqueue()).result();
    assertStringIncludes(exception!.message, held.id);
    after.open();
    assertEquals([(await held.result()).success, runs], [true, 2]);
    await next.stop();
    await stage.assertClean(second);
  });

  it("is released when its task was aborted before its function was called", async () => {
    const queueName = stage.newQueue();
    const worker = await stage.worker({ queueName, concurrency: 4 });
    const only = worker.task(() => sleep(1), { name: "only", silent: true, ...unique });
    const run = running(worker);
    for (let i = 0; i < 60; i++) {
      const task = await only.enqueue();
      await sleep(i % 4);
      await task.abort();
      await task.result();
    }
    await eventually(() => worker.running === 0);
    assertEquals((await (await only.enqueue()).result()).success, true);
    await run.stop();
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });
});
