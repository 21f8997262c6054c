import { it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { tuple } from "../../../src/queue/tasks/tuple.ts";
import type { FailureFilter } from "../../../src/queue/failures/failure_filter.ts";
import { behaviour } from "../behaviour.ts";
import { nextTurn, running, sleep, untilAborted } from "../stage.ts";

behaviour("a kept failure", (stage) => {
  it("has the arguments, the priority and the error of its task", async () => {
    const worker = await stage.worker({ priorities: ["low", "high"] });
    const charge = worker.task("charge", (_order: string, _cents: number) => {
      throw new TypeError("fetch failed");
    });
    const task = await charge.enqueue("order-17", 350).start({ priority: "high" });
    const before = Date.now();
    await worker.drain();
    const [failure, ...others] = await worker.failures();
    const { exception, failedTime, ...rest } = failure!;
    assertEquals([exception.name, exception.message], ["TypeError", "fetch failed"]);
    assert(Math.abs(failedTime - before) < 60_000);
    assertEquals(rest, {
      taskId: task.id,
      fnName: "charge",
      args: ["order-17", 350],
      kwargs: {},
      priority: "high",
      tries: 1,
      workerId: worker.id,
      failedWith: null,
    });
    assertEquals([others, await worker.countFailures()], [[], 1]);
    await stage.assertClean(worker);
  });

  it("is queued again under its id, with its tries from the beginning, and its new result counts", async () => {
    const worker = await stage.worker();
    let isBroken = true;
    const seen: [id: string, tries: number][] = [];
    const flaky = worker.task("flaky", (value: number) => {
      const { taskId, tries } = taskContext();
      seen.push([taskId, tries]);
      if (isBroken) throw new Error("broken");
      return value * 2;
    });
    const task = await flaky.enqueue(21);
    await worker.drain();
    assertEquals((await task.result()).success, false);
    isBroken = false;
    assertEquals([await task.retry(), await task.status()], [true, "queued"]);
    assertEquals([await worker.failures(), await worker.countFailures()], [[], 0]);
    const result = task.result();
    await worker.drain();
    assertEquals([(await result).result, await task.value()], [42, 42]);
    assertEquals(seen, [[task.id, 1], [task.id, 1]]);
    assertEquals([await task.retry(), await worker.retryFailed(task.id)], [false, 0]);
    await stage.assertClean(worker);
  });

  it("is kept for what failed by itself, but not for what ended as it was meant to", async () => {
    const worker = await stage.worker({ priorities: ["normal"] });
    const free = worker.task("free", () => sleep(20), { timeout: "10s" });
    const late = worker.task("late", (): void => {}, { expire: 1 });
    const slow = worker.task("slow", () => untilAborted(taskContext().signal), { timeout: 5 });
    const strange = worker.task("strange", () => () => {});
    const unkept = worker.task("unkept", () => Promise.reject(new Error("gone")), { keepFailed: null });
    await worker.enqueueMany([free.enqueue(), slow.enqueue(), strange.enqueue(), unkept.enqueue()]);
    await worker.enqueueUnsafe("unknown");
    await late.enqueue().start({ id: "late" });
    const aborted = await free.enqueue().start({ delay: "1h" });
    await aborted.abort();
    await sleep(30);
    await worker.drain();
    const names = (await worker.failures()).map(({ fnName }) => fnName).sort();
    assertEquals(names, ["slow", "strange", "unknown"]);
    await stage.assertClean(worker);
  });

  it("is not kept for longer than keepFailed, of the task or else of the worker", async () => {
    const worker = await stage.worker({ keepFailed: "1h" });
    const fail = () => Promise.reject(new Error("failed"));
    const brief = worker.task("brief", fail, { keepFailed: 100 });
    const long = worker.task("long", fail);
    await worker.enqueueMany([brief.enqueue(), long.enqueue()]);
    await worker.drain();
    const briefly = (await worker.failures({ fnName: "brief" })).length;
    assert(briefly <= 1);
    await sleep(150);
    assertEquals((await worker.failures()).map(({ fnName }) => fnName), ["long"]);
    assertEquals(await worker.retryFailed({}), 1);
    await worker.drain();
    await stage.assertClean(worker);
  });

  it("comes back with the tasks that failed with it, and a pipeline goes on where it broke", async () => {
    const worker = await stage.worker();
    let isBroken = true;
    const calls: string[] = [];
    const first = worker.task("first", (value: number) => {
      calls.push("first");
      return tuple(value, value + 1);
    });
    const second = worker.task("second", (a: number, b: number) => {
      calls.push("second");
      if (isBroken) throw new Error("broken");
      return a + b;
    });
    const third = worker.task("third", (value: number) => {
      calls.push("third");
      return value * 10;
    });
    const request = first.enqueue(1).pipe(second).pipe(third);
    const task = await request;
    const last = await third.enqueue(7).start({ after: task.id });
    await worker.drain();
    assertEquals((await last.result()).success, false);
    const failures = await worker.failures();
    const root = failures.find(({ fnName }) => fnName === "second")!;
    assertEquals(failures.map(({ failedWith }) => failedWith).sort(), [null, root.taskId, root.taskId].sort());
    // On its own, a task stays failed while one that it depends on does.
    assertEquals(await worker.retryFailed(last.id), 0);
    isBroken = false;
    assertEquals(await worker.retryFailed(root.taskId), 3);
    assertEquals(await last.status(), "scheduled");
    await worker.drain();
    assertEquals([await task.value(), await last.value()], [30, 70]);
    assertEquals(calls, ["first", "second", "second", "third", "third"]);
    assertEquals(await worker.countFailures(), 0);
    await stage.assertClean(worker);
  });

  it("comes back in the form of a diamond, also when two of its tasks have failed", async () => {
    const worker = await stage.worker();
    let isBroken = true;
    const work = worker.task("work", (name: string) => {
      if (isBroken && name !== "top") throw new Error(name);
      return name;
    });
    const top = await work.enqueue("top");
    const left = await work.enqueue("left").start({ after: top.id });
    const right = await work.enqueue("right").start({ after: top.id });
    const bottom = await work.enqueue("bottom").start({ after: [left.id, right.id] });
    const tip = await work.enqueue("tip").start({ after: bottom.id });
    await worker.drain();
    await tip.result();
    assertEquals(await worker.countFailures(), 4);
    isBroken = false;
    // `bottom` failed with one of the two, and still depends on the other.
    const [a, b] = [await worker.retryFailed(left.id), await worker.retryFailed(right.id)];
    assertEquals(a + b, 4);
    await worker.drain();
    assertEquals(await Promise.all([left, right, bottom, tip].map((task) => task.value())), [
      "left",
      "right",
      "bottom",
      "tip",
    ]);
    await stage.assertClean(worker);
  });

  it("comes back for tasks that were enqueued after it had failed", async () => {
    const worker = await stage.worker();
    let isBroken = true;
    const work = worker.task("work", (name: string) => {
      if (isBroken) throw new Error(name);
      return name;
    });
    const root = await work.enqueue("root");
    await worker.drain();
    const late = await work.enqueue("late").start({ after: root.id });
    assertEquals((await late.result()).success, false);
    isBroken = false;
    assertEquals(await root.retry(), true);
    await worker.drain();
    assertEquals(await late.value(), "late");
    await stage.assertClean(worker);
  });

  it("is found by name, error and time, the newest first", async () => {
    const worker = await stage.worker();
    const one = worker.task("one", () => Promise.reject(new TypeError("one")));
    const two = worker.task("two", () => Promise.reject(new RangeError("two")));
    const ids: string[] = [];
    for (const task of [one, two, one]) {
      ids.push((await task.enqueue()).id);
      await worker.drain();
      await sleep(2);
    }
    const found = async (filter: FailureFilter & { limit?: number }) => {
      return (await worker.failures(filter)).map(({ taskId }) => ids.indexOf(taskId));
    };
    assertEquals(await found({}), [2, 1, 0]);
    assertEquals(await found({ limit: 2 }), [2, 1]);
    assertEquals(await found({ fnName: "one" }), [2, 0]);
    assertEquals(await found({ error: "RangeError" }), [1]);
    assertEquals(await found({ fnName: "one", error: "RangeError" }), []);
    const { failedTime } = (await worker.failures({ fnName: "two" }))[0]!;
    assertEquals(await found({ after: new Date(failedTime) }), [2, 1]);
    assertEquals(await found({ before: new Date(failedTime) }), [0]);
    assertEquals(await worker.purgeFailed({ fnName: "two" }), 1);
    assertEquals([await worker.purgeFailed({ fnName: "two" }), await worker.retryFailed({ fnName: "three" })], [0, 0]);
    assertEquals(await worker.retryFailed([ids[0]!, ids[1]!, "none"]), 1);
    await worker.drain();
    assertEquals(await worker.purgeFailed({}), 2);
    assertEquals(await worker.countFailures(), 0);
    await stage.assertClean(worker);
  });

  it("is refused with bad filters, ids and limits, by their values", async () => {
    const worker = await stage.worker();
    const wrong: [call: () => Promise<unknown>, message: string][] = [
      [() => worker.failures({ limit: 0 }), 'Cannot use option "limit": expected an integer from 1 to 10000, got 0'],
      [() => worker.failures({ fnName: "" }), 'Cannot use option "fnName": expected a non-empty string, got ""'],
      [
        () => worker.retryFailed({ error: 7 } as never),
        'Cannot use option "error": expected a non-empty string, got 7',
      ],
      [
        () => worker.purgeFailed({ before: new Date(NaN) }),
        'Cannot use option "before": expected a valid Date, got Invalid Date',
      ],
      [() => worker.retryFailed({ fname: "x" } as never), 'did you mean "fnName"?'],
      [() => worker.retryFailed(""), "Cannot use id"],
      [() => worker.purgeFailed([7] as never), "Cannot use id"],
      [() => worker.retryFailed(null as never), "Cannot"],
      [() => worker.retryFailed(undefined as never), "Cannot"],
    ];
    for (const [call, message] of wrong) {
      assertStringIncludes((await assertRejects(call, Error)).message, message);
    }
  });

  it("is queued once when many processes retry it at the same time", async () => {
    const workers = await Promise.all([stage.worker(), stage.worker()]);
    const queueName = workers[0].queueName;
    const other = await stage.worker({ queueName });
    let [isBroken, runs] = [true, 0];
    const work = workers[0].task("work", () => {
      if (isBroken) throw new Error("broken");
      runs++;
    });
    const task = await work.enqueue();
    await workers[0].drain();
    isBroken = false;
    const run = running(workers[0]);
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, i) => (i % 2 ? workers[0] : other).retryFailed(task.id)),
    );
    assertEquals(answers.reduce((sum, count) => sum + count, 0), 1);
    await task.result();
    await run.stop();
    assertEquals(runs, 1);
    await stage.assertClean(workers[0]);
  });

  it("is dropped when another task with its id succeeds", async () => {
    const worker = await stage.worker();
    let isBroken = true;
    const work = worker.task("work", () => {
      if (isBroken) throw new Error("broken");
    }, { ttl: 0 });
    await work.enqueue().start({ id: "order-17" });
    await worker.drain();
    assertEquals(await worker.countFailures(), 1);
    isBroken = false;
    // Its mark is still there for a while, so only a retry brings it back.
    assertEquals(await worker.retryFailed("order-17"), 1);
    await worker.drain();
    assertEquals([await worker.countFailures(), await worker.retryFailed("order-17")], [0, 0]);
    await stage.assertClean(worker);
  });

  it("shows tasks whose record cannot be read, and brings them back as they were", async () => {
    const worker = await stage.worker({ signingSecret: "old" });
    const { queueName } = worker;
    let runs = 0;
    const work = worker.task("work", (_value: number) => void runs++);
    const task = await work.enqueue(1);
    const stranger = await stage.worker({ queueName, signingSecret: "new" });
    stranger.task("work", (_value: number) => {});
    await stranger.drain();
    const [failure] = await stranger.failures();
    assertEquals([failure!.taskId, failure!.args], [task.id, []]);
    assertStringIncludes(failure!.exception.message, "Cannot read the record of task");
    assertEquals(await worker.retryFailed({}), 1);
    await worker.drain();
    assertEquals([runs, (await task.result()).success], [1, true]);
    await stage.assertClean(worker);
  });
});

behaviour("failures of a queue", (stage) => {
  it("are the newest 10,000, and leave nothing else behind", async () => {
    const worker = await stage.worker({ concurrency: 200 });
    const fail = worker.task("fail", (n: number) => Promise.reject(new Error(`failed ${n}`)), { silent: true });
    const tasks = await worker.enqueueMany(Array.from({ length: 12_000 }, (_, n) => fail.enqueue(n)));
    await worker.drain();
    await nextTurn();
    assertEquals(await worker.countFailures(), 10_000);
    const failures = await worker.failures({ limit: 10_000 });
    const kept = new Set(failures.map(({ taskId }) => taskId));
    assertEquals(kept.size, 10_000);
    // Those of one call fail at the same time, so that their order is open.
    assert(tasks.slice(-9000).every(({ id }) => kept.has(id)));
    assert(tasks.slice(0, 1000).every(({ id }) => !kept.has(id)));
    assertEquals(await worker.purgeFailed({}), 10_000);
    await stage.assertClean(worker);
  });

  it("report what a call could not do", async () => {
    const worker = await stage.worker();
    await worker.close();
    await assertRejects(() => worker.failures(), Error, "closed");
  });
});
