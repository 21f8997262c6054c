import { it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { randomId } from "../../../src/base/id.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import type { RegisteredTask } from "../../../src/queue/enqueue/registered_task.ts";
import { openQueue } from "../../../src/queue/open_queue.ts";
import { resolveWorkerOptions } from "../../../src/queue/options/resolve_worker_options.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import type { TaskResult } from "../../../src/queue/records/task_result.ts";
import type { Worker } from "../../../src/queue/worker.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { SchedulerRig } from "../schedule/scheduler_rig.ts";
import { clockPasses, Lines, running, type Stage, untilAborted } from "../stage.ts";

const job = "job";

/** Two workers of a queue, of which each has registered the task in its version. `runs` has what each one has run. */
async function open(stage: Stage, options: WorkerOptions<undefined> = {}) {
  const shared = { queueName: stage.newQueue(), ...options };
  const workers = [await stage.worker(shared), await stage.worker(shared)] as const;
  const runs: [number[], number[]] = [[], []];
  const register = (version: 1 | 2): RegisteredTask<[number], number> => {
    const run = (n: number) => (runs[version - 1]!.push(n), n);
    return workers[version - 1]!.task(run, { name: job, version, maxTries: 1, expire: "1m" });
  };
  return { workers, runs, tasks: [register(1), register(2)] as const };
}

/** Runs workers in the background, each of which has joined the queue before the next one. */
async function joined(...workers: readonly Worker[]): Promise<{ stop(): Promise<void> }[]> {
  const runners = [];
  for (const worker of workers) {
    const ready = worker.task(() => worker.id, { name: `ready-${worker.id}` });
    runners.push(running(worker));
    // Another worker fails it until this one has joined.
    await eventually(async () => (await (await ready.enqueue()).result({ timeout: "20s" })).success);
  }
  return runners;
}

function numbers(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

function messageFor(version: number, own: number): string {
  const expected = `expected version ${own} or earlier, got version ${version}, which no living worker has registered`;
  return `Cannot run task ${job}: ${expected}`;
}

function messagesOf(results: readonly TaskResult<unknown>[]): Set<string | undefined> {
  return new Set(results.map(({ exception }) => exception?.message));
}

behaviour("workers with versions 1 and 2 of a task, side by side", (stage) => {
  it("run 500 tasks of each version, those of version 2 on the worker that has it, at the cost of no try", async () => {
    const { workers, runs, tasks: [first, second] } = await open(stage);
    const runners = await joined(workers[1], workers[0]);
    const sent = await Promise.all([
      workers[0].enqueueMany(numbers(500).map((n) => first.enqueue(n))),
      workers[1].enqueueMany(numbers(500, 500).map((n) => second.enqueue(n))),
    ]);
    const results = await Promise.all(sent.flat().map((task) => task.result({ timeout: "60s" })));
    assertEquals(messagesOf(results), new Set([undefined]));
    assertEquals(results.map(({ result }) => result), numbers(1000));
    assertEquals(new Set(results.map(({ tries }) => tries)), new Set([1]));
    assertEquals(runs.flat().sort((a, b) => a - b), numbers(1000));
    assertEquals(runs[0].filter((n) => n >= 500), []);
    await Promise.all(runners.map((runner) => runner.stop()));
    await stage.assertClean(workers[0]);
  });

  it("leave 500 tasks of version 2 to a worker that joins later, and only fail what nobody else could run", async () => {
    const { workers, runs, tasks: [, second] } = await open(stage);
    // As long as the worker with version 2 is not there, its tasks fail at once.
    const [one] = await joined(workers[0]);
    const early = await (await second.enqueue(-1)).result({ timeout: "20s" });
    assertEquals([early.exception?.message, early.tries], [messageFor(2, 1), 0]);
    const [two] = await joined(workers[1]);
    const tasks = await workers[1].enqueueMany(numbers(500).map((n) => second.enqueue(n)));
    const results = await Promise.all(tasks.map((task) => task.result({ timeout: "60s" })));
    assertEquals(messagesOf(results), new Set([undefined]));
    assertEquals([runs[0].length, runs[1].length], [0, 500]);
    await Promise.all([one!.stop(), two!.stop()]);
    await stage.assertClean(workers[0]);
  });

  it("run the tasks of version 1 and those without a version, when only version 2 is left", async () => {
    const { workers, runs, tasks: [first] } = await open(stage);
    const requests = [first.enqueue(1), workers[0].stub<(n: number) => number>(job).enqueue(2)];
    const tasks = [...await workers[0].enqueueMany(requests), await workers[0].enqueueUnsafe<number>(job, 3)];
    await workers[1].run({ burst: true });
    assertEquals(await Promise.all(tasks.map((task) => task.value())), [1, 2, 3]);
    assertEquals(runs, [[], [1, 2, 3]]);
  });

  it("run a pipeline and a dependent of version 2 where that is registered", async () => {
    const { workers, runs, tasks: [first, second] } = await open(stage);
    const runners = await joined(workers[1], workers[0]);
    const tasks = await Promise.all(
      numbers(50).map(async (n) => {
        const start = await first.enqueue(n);
        return [await first.enqueue(n).pipe(second), await second.enqueue(n).start({ after: start.id })];
      }),
    );
    const results = await Promise.all(tasks.flat().map((task) => task.result({ timeout: "60s" })));
    assertEquals(messagesOf(results), new Set([undefined]));
    assert(runs[1].length >= 100);
    await Promise.all(runners.map((runner) => runner.stop()));
    await stage.assertClean(workers[0]);
  });

  it("run the occurrences of a cron job and of a repeating task of version 2 where that is registered", async () => {
    const queueName = stage.newQueue();
    const [one, two] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    const wrong: string[] = [];
    for (const name of ["cron", "repeated"]) one.task(() => void wrong.push(name), { name });
    const runs = { cron: 0, repeated: 0 };
    two.cron("* * * * * *", () => void runs.cron++, { name: "cron", version: 2 });
    const repeated = two.task(() => void runs.repeated++, { name: "repeated", version: 2 });
    const runners = await joined(two, one);
    const task = await repeated.enqueue().start({ schedule: "* * * * * *" });
    await eventually(() => runs.cron >= 2 && runs.repeated >= 2);
    await task.unschedule();
    assertEquals([wrong, one.counters.failed], [[], 0]);
    await Promise.all(runners.map((runner) => runner.stop()));
  });
});

behaviour("a task of a version that no living worker has registered any more", (stage) => {
  it("fails when the worker that has it shuts down, and names both versions", async () => {
    const { workers: [one], tasks: [, second] } = await open(stage, { idleTimeout: 500 });
    const { queueName } = one;
    const two = await stage.worker({ queueName, idleTimeout: 500, concurrency: 2 });
    let started = 0;
    two.task(async () => {
      started++;
      await untilAborted(taskContext().signal);
    }, { name: job, version: 2 });
    const runners = await joined(two, one);
    const tasks = await two.enqueueMany(numbers(500).map((n) => second.enqueue(n)));
    await eventually(() => started === 2);
    await runners[0]!.stop();
    const results = await Promise.all(tasks.map((task) => task.result({ timeout: "20s" })));
    assertEquals(messagesOf(results), new Set([messageFor(2, 1)]));
    assertEquals(new Set(results.map(({ tries }) => tries)), new Set([0]));
    await runners[1]!.stop();
    await stage.assertClean(one);
  });

  it("fails when the worker that has it dies, once its idle timeout is over", async () => {
    const lines = new Lines();
    const { workers: [one], tasks: [, second] } = await open(stage, { idleTimeout: 300, logger: lines });
    // It joins the queue and takes what it is given, but has no process that would run it.
    const resolved = resolveWorkerOptions({ ...(await stage.broker).options, queueName: one.queueName });
    const { broker } = openQueue(resolved, () => undefined);
    const workerId = randomId().slice(0, 8);
    const dead = broker.consumer({ name: `${workerId}-00000000`, priorities: ["normal"], idleTimeout: 300 });
    const status = { workerId, summary: "", versions: new Map([[job, 2]]) };
    await dead.membership.join(status);
    const runner = running(one);
    const tasks = await one.enqueueMany(numbers(500).map((n) => second.enqueue(n)));
    await eventually(async () => {
      await dead.membership.renew([], status);
      return lines.with("handed over to a worker that has registered it").length > 0;
    });
    const results = await Promise.all(tasks.map((task) => task.result({ timeout: "20s" })));
    assertEquals(messagesOf(results), new Set([messageFor(2, 1)]));
    await runner.stop();
    await broker.close();
  });

  it("is kept when it has failed, and runs when it is retried where its version is registered", async () => {
    const { workers: [one, two], tasks: [, second] } = await open(stage);
    const task = await second.enqueue(7);
    await one.run({ burst: true });
    assertEquals((await one.failures()).map(({ args, exception }) => [args, exception.message]), [
      [[7], messageFor(2, 1)],
    ]);
    assertEquals(await task.retry(), true);
    await two.run({ burst: true });
    assertEquals(await task.value(), 7);
  });

  it("fails where the name is not registered at all", async () => {
    const { workers: [, two], tasks: [, second] } = await open(stage);
    const third = await stage.worker({ queueName: two.queueName });
    const task = await second.enqueue(1);
    await third.run({ burst: true });
    const { exception } = await task.result();
    assertEquals(
      exception?.message,
      `Cannot run task ${job}: no task of this name is registered in version 2 or later`,
    );
  });
});

behaviour("a task that is handed over because of its version", (stage) => {
  it("still expires if it is not started in time", async () => {
    const { workers: [one] } = await open(stage);
    const two = await stage.worker({ queueName: one.queueName, concurrency: 1, prefetch: 0 });
    let finishGate = (): void => {};
    const gate = two.task(() => new Promise<void>((resolve) => void (finishGate = resolve)), { name: "gate" });
    let runs = 0;
    const late = two.task(() => ++runs, { name: job, version: 2, expire: 300 });
    const runners = await joined(two, one);
    const gated = await gate.enqueue();
    await eventually(async () => await gated.status() === "running");
    const before = one.counters.relinquished;
    const task = await late.enqueue();
    // It is handed over to a worker that has no slot until the time is over.
    await eventually(() => one.counters.relinquished > before);
    await clockPasses(Date.now() + 400);
    finishGate();
    const { exception, tries } = await task.result({ timeout: "20s" });
    assertEquals([exception?.message, tries], [`Task ${job} expired: it was not started within 300 ms`, 0]);
    assertEquals(runs, 0);
    await Promise.all(runners.map((runner) => runner.stop()));
  });

  it("is logged, unless it is silent", async () => {
    for (const silent of [false, true]) {
      const lines = new Lines();
      const queueName = stage.newQueue();
      const [one, two] = [await stage.worker({ queueName, logger: lines }), await stage.worker({ queueName })];
      one.task(() => 1, { name: job, silent });
      const second = two.task(() => 2, { name: job, version: 2 });
      const runners = await joined(two, one);
      const before = one.counters.relinquished;
      await eventually(async () => {
        assertEquals(await (await second.enqueue()).value({ timeout: "20s" }), 2);
        return one.counters.relinquished > before;
      });
      await Promise.all(runners.map((runner) => runner.stop()));
      const logged = lines.all.filter((line) => line.startsWith(`info task ${job} ↷ `));
      assertEquals(logged.length > 0, !silent);
    }
  });
});

behaviour("the records of a cron job with a version", (stage) => {
  it("have that version, and no version without one", async () => {
    for (const version of [undefined, 7]) {
      const rig = await SchedulerRig.open(stage);
      rig.register("cron", "@yearly", "UTC", version);
      await rig.keepUntil(async () => {
        await eventually(async () => {
          const [schedule] = (await rig.consumer.scheduling.review(null)).schedules;
          const records = [
            rig.codec.decodeSchedule(schedule!, schedule!.data),
            rig.codec.decodeTask(schedule!.taskId, schedule!.waiting!),
          ];
          assertEquals(records.map((record) => record.version), [version ?? 1, version ?? 1]);
        });
      });
      await rig.broker.close();
    }
  });
});
