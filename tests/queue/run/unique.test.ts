import { it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import { StreaqError, StreaqRetry, TimeoutError } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { clockPasses, nextTurn, running, sleep, untilAborted } from "../stage.ts";

const unique = { unique: true, timeout: "1h" } as const;

behaviour("unique", (stage) => {
  it("fails a second task that starts while one runs, without running it, and names the running task", async () => {
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
    // A task of another name has its own lock.
    assertEquals((await (await other.enqueue()).result()).result, "other");
    open();
    assertEquals([(await first.result()).result, runs], ["first", 1]);
    assertEquals((await (await task!.enqueue()).result()).result, "first");
    await Promise.all(runners.map((run) => run.stop()));
    await stage.assertClean(workers[0]!);
  });

  it("requires a timeout", async () => {
    const worker = await stage.worker();
    assertThrows(() => worker.task(() => {}, { name: "one", unique: true }), StreaqError, "unique");
    assertThrows(() => worker.task(() => {}, { name: "one", unique: true, timeout: null }), StreaqError, "unique");
    assertEquals(worker.registry.size, 0);
  });

  it("keeps 60 tasks on two workers from overlapping", async () => {
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

  it("lets the next task run on any worker as soon as the result of the previous one is stored", async () => {
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

  it("lets another task run while the first waits for its retry", async () => {
    const worker = await stage.worker();
    const ran: string[] = [];
    const only = worker.task((name: string) => {
      const { tries } = taskContext();
      ran.push(`${name} ${tries}`);
      if (name === "first" && tries === 1) throw new StreaqRetry("later", { delay: 1000 });
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

  it("applies to a retry too, which fails if another task runs by then", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    let runs = 0;
    const only = worker.task(async (name: string) => {
      runs++;
      if (name === "second") await opened;
      else throw new StreaqRetry("later", { delay: 1000 });
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
  const endings: [ending: string, timeout: number][] = [["a timeout", 100], ["an abort", 3_600_000]];
  for (const [ending, timeout] of endings) {
    it(`is held until the function has settled, even after ${ending} of its task`, async () => {
      const queueName = stage.newQueue();
      const options = { queueName, idleTimeout: 500 };
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
      if (ending === "an abort") assertEquals(await first.abort(), true);
      assertEquals((await first.result()).exception instanceof TimeoutError, ending === "a timeout");
      const another = running(other);
      // A lock that is not extended lasts as long as the idleTimeout.
      const started = Date.now();
      for (const ms of [0, 600, 1200]) {
        await clockPasses(started + ms);
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

  it("is extended while the function runs, beyond the idleTimeout", async () => {
    const queueName = stage.newQueue();
    const options = { queueName, idleTimeout: 500 };
    const workers = [await stage.worker(options), await stage.worker(options)];
    const { open, opened } = gate();
    let [active, most] = [0, 0];
    const only = async (waits: boolean) => {
      most = Math.max(most, ++active);
      if (waits) await opened;
      active--;
    };
    const [task] = workers.map((worker) => worker.task(only, { name: "only", ...unique }));
    const runners = workers.map((worker) => running(worker));
    const long = await task!.enqueue(true);
    await eventually(() => active === 1);
    const started = Date.now();
    for (const ms of [0, 600, 1200]) {
      await clockPasses(started + ms);
      assertEquals((await (await task!.enqueue(false)).result()).success, false);
    }
    open();
    const { success, tries } = await long.result();
    assertEquals([success, tries, most], [true, 1, 1]);
    assertEquals((await (await task!.enqueue(false)).result()).success, true);
    await Promise.all(runners.map((run) => run.stop()));
    await stage.assertClean(workers[0]!);
  });

  it("is not released by a task that failed to take it", async () => {
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

  for (const heedsSignal of [true, false]) {
    it(`passes to the next run of a released task whose function ${heedsSignal ? "heeds" : "ignores"} its signal`, async () => {
      const queueName = stage.newQueue();
      const [first, second] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
      const { open, opened } = gate();
      let runs = 0;
      const only = async () => {
        if (++runs > 1) return "second run";
        const { signal } = taskContext();
        await (heedsSignal ? untilAborted(signal) : opened);
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

  it("is not released by an earlier run of its task", async () => {
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
    // The function ignores its signal, so the task is released while the function continues.
    await run.stop();
    const next = running(second);
    await eventually(() => runs === 2);
    before.open();
    // The earlier run settles, and what it sends is handled before the next request of its worker.
    await nextTurn();
    const { exception } = await (await task.enqueue()).result({ timeout: "10s" });
    assertStringIncludes(exception!.message, held.id);
    after.open();
    assertEquals([(await held.result()).success, runs], [true, 2]);
    await next.stop();
    await stage.assertClean(second);
  });

  it("is released if its task is aborted before its function is called", async () => {
    const queueName = stage.newQueue();
    const worker = await stage.worker({ queueName, concurrency: 4 });
    const only = worker.task(() => sleep(1), { name: "only", silent: true, ...unique });
    const run = running(worker);
    for (let i = 0; i < 60; i++) {
      const task = await only.enqueue();
      // The abort comes before, during or after the start of the task.
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
