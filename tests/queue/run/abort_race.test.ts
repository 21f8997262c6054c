import { it } from "node:test";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { StreaqCancelled, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { nextTurn, receivesEvents, running, sleep, untilAborted } from "../stage.ts";

/** Whether a task was aborted, by its result. */
async function wasAborted(
  task: { result(): Promise<{ success: boolean; exception: Error | undefined }> },
): Promise<boolean> {
  const result = await task.result();
  return !result.success && result.exception instanceof StreaqCancelled;
}

behaviour("abort() at the moment of completion", (stage) => {
  const endings: [ending: string, end: () => unknown][] = [
    ["return", () => "done"],
    ["fail", () => {
      throw new RangeError("failed");
    }],
    ["are retried", () => {
      if (taskContext().tries === 1) throw new StreaqRetry("again", { delay: 0 });
    }],
  ];
  for (const [ending, end] of endings) {
    it(`returns true exactly if it has aborted the task: 200 tasks that ${ending}`, async () => {
      const queueName = stage.newQueue();
      const options = { queueName, concurrency: 40, idleTimeout: 300 };
      const workers = [await stage.worker(options), await stage.worker(options)];
      const aborter = await stage.worker({ queueName });
      await aborter.connect();
      const answers = new Map<string, Promise<boolean>>();
      let open = 0;
      const job = async (moment: "before" | "around" | "after", ms: number, early: number) => {
        const { taskId, signal, tries } = taskContext();
        const abort = () => aborter.abortById(taskId);
        if (moment === "before") {
          answers.set(taskId, abort());
          await answers.get(taskId);
        } else if (moment === "around") {
          open++;
          // Of the tasks that are retried, half are aborted around the end of the second try.
          const isChosen = tries === (ending === "are retried" && ms % 4 < 2 ? 2 : 1);
          if (isChosen) answers.set(taskId, sleep(ms - early).then(abort));
          // Half of the tasks heed their signal.
          await sleep(ms, ms % 2 ? signal : undefined).finally(() => open--);
        }
        return end();
      };
      const [register] = workers.map((worker) => worker.task(job, { name: "job", silent: true }));
      const runs = workers.map((worker) => running(worker));
      // Most are aborted around their end. Ten are aborted before for certain, and ten after.
      const moments = { 0: "before", 10: "after" } as const;
      const tasks = await aborter.enqueueMany(
        Array.from({ length: 200 }, (_, i) => {
          const moment = moments[i % 20 as keyof typeof moments] ?? "around";
          return register!.enqueue(moment, 6 + i % 20, i % 9 - 3);
        }),
      );
      const aborted = await Promise.all(tasks.map(wasAborted));
      for (const { id } of tasks) if (!answers.has(id)) answers.set(id, aborter.abortById(id));
      assertEquals(await Promise.all(tasks.map(({ id }) => answers.get(id))), aborted);
      const count = aborted.filter(Boolean).length;
      assert(count >= 10 && count <= 190, `${count}`);
      await eventually(() => open === 0);
      await Promise.all(runs.map((run) => run.stop()));
      const [ones, twos] = workers.map(({ counters }) => counters.completed + counters.failed);
      assertEquals(ones! + twos!, 200 - count);
      // The entry of a task that was aborted before it was read is dropped when it is read.
      await aborter.run({ burst: true });
      await stage.assertClean(aborter);
    });
  }

  it("returns true exactly if it has aborted the task: tasks that abort themselves as they return", async () => {
    const worker = await stage.worker({ concurrency: 8 });
    const answers = new Map<string, Promise<boolean>>();
    const selfAborting = worker.task(async function selfAborting(ms: number) {
      const { taskId } = taskContext();
      answers.set(taskId, worker.abortById(taskId));
      for (const until = performance.now() + ms; performance.now() < until;) await nextTurn();
      return ms;
    }, { silent: true });
    const tasks = await worker.enqueueMany(Array.from({ length: 120 }, (_, i) => selfAborting.enqueue((i % 12) / 4)));
    await worker.run({ burst: true });
    assertEquals(
      await Promise.all(tasks.map(({ id }) => answers.get(id)!)),
      await Promise.all(tasks.map(wasAborted)),
    );
    await stage.assertClean(worker);
  });

  it("returns true to exactly one of two workers that call it at the same time", async () => {
    const queueName = stage.newQueue();
    const [one, two] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    const { open, opened } = gate();
    const job = one.task(() => opened, { name: "job", silent: true });
    const run = running(one);
    const tasks = await one.enqueueMany(Array.from({ length: 50 }, () => job.enqueue()));
    await eventually(() => one.running === 16);
    const answers = await Promise.all(
      tasks.map(async ({ id }) => (await Promise.all([one.abortById(id), two.abortById(id)])).filter(Boolean).length),
    );
    assertEquals(answers, tasks.map(() => 1));
    open();
    await run.stop();
    await one.run({ burst: true });
    await stage.assertClean(one);
  });

  it("returns true to exactly one of two calls that a worker makes at the same time", async () => {
    const worker = await stage.worker();
    const job = worker.task(() => {}, { name: "job", silent: true });
    const tasks = await worker.enqueueMany(Array.from({ length: 20 }, () => job.enqueue()));
    // Without a stack both calls would store the same bytes.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    const answers = await Promise.all(tasks.map((task) => Promise.all([task.abort(), task.abort()])));
    Error.stackTraceLimit = stackTraceLimit;
    assertEquals(answers.map((pair) => pair.filter(Boolean).length), tasks.map(() => 1));
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("aborts 1,200 tasks at once, leased or not", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    let calls = 0;
    const job = worker.task(async () => {
      calls++;
      await opened;
    }, { name: "job", silent: true });
    const tasks = await worker.enqueueMany(Array.from({ length: 1200 }, () => job.enqueue()));
    const run = running(worker);
    await eventually(() => calls === 16, { timeout: 20_000 });
    const answers = await Promise.all(tasks.map((task) => task.abort()));
    assertEquals(answers.filter((answer) => !answer), []);
    assertEquals(await worker.queueSize(), 0);
    open();
    await eventually(() => worker.running === 0);
    await run.stop();
    await worker.run({ burst: true });
    assertEquals(calls, 16);
    await stage.assertClean(worker);
  });

  it("keeps a task from starting, even if a worker reads it at the same moment", async () => {
    const queueName = stage.newQueue();
    const workers = [
      await stage.worker({ queueName, concurrency: 2 }),
      await stage.worker({ queueName, concurrency: 2 }),
    ];
    const aborter = await stage.worker({ queueName });
    const begun = new Map<string, number>();
    const job = async () => {
      begun.set(taskContext().taskId, performance.now());
      await nextTurn();
    };
    const [task] = workers.map((worker) => worker.task(job, { name: "job", silent: true }));
    const runs = workers.map((worker) => running(worker));
    const aborted = new Map<string, number>();
    for (let round = 0; round < 10; round++) {
      const tasks = await aborter.enqueueMany(Array.from({ length: 30 }, () => task!.enqueue()));
      await Promise.all(tasks.map(async ({ id }) => {
        if (!await aborter.abortById(id)) return;
        aborted.set(id, performance.now());
        await aborter.resultById(id);
      }));
    }
    await Promise.all(runs.map((run) => run.stop()));
    // A task that was already started may be called a moment later, before the event of its abort arrives.
    assertEquals([...aborted].filter(([id, time]) => (begun.get(id) ?? 0) > time + 100), []);
    await aborter.run({ burst: true });
    await stage.assertClean(aborter);
  });
});

behaviour("abort() by a worker with another serializer", (stage) => {
  it("aborts a task whose record it cannot read", async () => {
    const worker = await stage.worker();
    const invert = (bytes: Uint8Array) => bytes.map((byte) => ~byte);
    const foreign = await stage.worker({
      queueName: worker.queueName,
      serializer: {
        serialize: (value: unknown) => invert(new TextEncoder().encode(JSON.stringify(value))),
        deserialize: (data: Uint8Array) => JSON.parse(new TextDecoder().decode(invert(data))),
      },
    });
    let reason: unknown;
    let runs = 0;
    const long = worker.task(async function long() {
      runs++;
      const { signal } = taskContext();
      await untilAborted(signal).catch(() => {});
      reason = signal.reason;
    });
    const run = running(worker);
    await receivesEvents(worker);
    const task = await long.enqueue();
    await eventually(async () => await task.status() === "running");
    assertEquals(await foreign.abortById(task.id), true);
    await eventually(() => reason !== undefined);
    assertInstanceOf(reason, StreaqCancelled);
    await run.stop();
    const unread = await long.enqueue();
    assertEquals(await foreign.abortById(unread.id), true);
    await worker.run({ burst: true });
    assertEquals([await task.status(), await unread.status(), runs], ["done", "done", 1]);
    await stage.assertClean(worker);
  });
});
