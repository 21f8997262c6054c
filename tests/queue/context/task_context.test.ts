import { it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { taskContext, workerContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { nextTurn, running, sleep } from "../stage.ts";

behaviour("taskContext()", (stage) => {
  it("describes the running task in default parameters, in the body and after every await", async () => {
    const worker = await stage.worker();
    const look = worker.task(async function look(first = taskContext()) {
      await sleep(1);
      const later = taskContext();
      await Promise.all([nextTurn(), nextTurn()]);
      const { fnName, taskId, tries, timeout, ttl, signal } = taskContext();
      return { fnName, taskId, tries, timeout, ttl, aborted: signal.aborted, same: first === later };
    }, { timeout: "30s", ttl: "1m" });
    const task = await look.enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, {
      fnName: "look",
      taskId: task.id,
      tries: 1,
      timeout: 30_000,
      ttl: 60_000,
      aborted: false,
      same: true,
    });
  });

  it("returns its own context to each of several running tasks", async () => {
    const worker = await stage.worker({ concurrency: 8 });
    const { open, opened } = gate();
    let started = 0;
    const id = worker.task(async function id() {
      if (++started === 4) open();
      await opened;
      return taskContext().taskId;
    });
    const tasks = await worker.enqueueMany(Array.from({ length: 4 }, () => id.enqueue()));
    await worker.run({ burst: true });
    for (const task of tasks) assertEquals((await task.result()).result, task.id);
  });

  it("throws outside a running task, also in a task that is called directly", async () => {
    const worker = await stage.worker();
    const look = worker.task(function look(context = taskContext()) {
      return context.taskId;
    });
    assertThrows(() => taskContext(), StreaqError, "no task is running here");
    await assertRejects(() => look(), StreaqError, "no task is running here");
    assertThrows(() => workerContext(), StreaqError, "no task is running here");
  });
});

behaviour("the worker's context", (stage) => {
  it("is the value that the lifespan yields, in default parameters, in the body and from workerContext()", async () => {
    const worker = await stage.worker({
      lifespan: async function* () {
        yield { name: "db" };
      },
    });
    const query = worker.task(async function query(db = worker.context, same = workerContext<{ name: string }>()) {
      await nextTurn();
      return [db.name, same === db, worker.context === db];
    });
    assertThrows(() => worker.context, StreaqError, worker.id);
    const task = await query.enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, ["db", true, true]);
    assertThrows(() => worker.context, StreaqError, worker.id);
  });

  it("is opened before the first task starts, and closed after the last one has finished", async () => {
    const seen: string[] = [];
    const worker = await stage.worker({
      concurrency: 1,
      lifespan: async function* () {
        seen.push("open");
        try {
          yield undefined;
        } finally {
          await nextTurn();
          seen.push("closed");
        }
      },
    });
    const note = worker.task((n: number) => void seen.push(`task ${n}`), { name: "note" });
    await worker.enqueueMany([note.enqueue(1), note.enqueue(2)]);
    await worker.run({ burst: true });
    assertEquals(seen, ["open", "task 1", "task 2", "closed"]);
  });

  for (const [phase, expected] of [["opening", []], ["closing", ["ran"]]] as const) {
    it(`makes run() reject with the error that its ${phase} throws`, async () => {
      const ran: string[] = [];
      const worker = await stage.worker({
        lifespan: async function* () {
          if (phase === "opening") throw new RangeError("no");
          yield 1;
          throw new RangeError("no");
        },
      });
      await worker.task(() => void ran.push("ran"), { name: "task" }).enqueue();
      await assertRejects(() => worker.run({ burst: true }), RangeError, "no");
      assertEquals(ran, [...expected]);
    });
  }

  it("must be yielded exactly once", async () => {
    const none = await stage.worker({ lifespan: async function* () {} });
    await assertRejects(() => none.run({ burst: true }), StreaqError, "yield a context, got none");
    const twice = await stage.worker({
      lifespan: async function* () {
        yield 1;
        yield 2;
      },
    });
    await assertRejects(() => twice.run({ burst: true }), StreaqError, "second");
  });

  it("allows close() in its clean-up and in a task", async () => {
    const seen: string[] = [];
    const worker = await stage.worker({
      lifespan: async function* () {
        yield 1;
        await worker.close();
        seen.push("cleaned up");
      },
    });
    const stop = worker.task(async function stop() {
      await worker.close();
      seen.push("asked to stop");
    });
    await stop.enqueue();
    const ended = worker.run();
    await eventually(() => seen.length === 2);
    await ended;
    assertEquals(seen, ["asked to stop", "cleaned up"]);
    await worker.close();
  });

  it("is closed when the run is stopped", async () => {
    let open = 0;
    const worker = await stage.worker({
      lifespan: async function* () {
        open++;
        try {
          yield 1;
        } finally {
          open--;
        }
      },
    });
    const run = running(worker as never);
    await eventually(() => open === 1);
    await run.stop();
    assert(open === 0);
  });
});
