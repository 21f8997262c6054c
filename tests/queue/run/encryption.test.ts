import { it } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import type { RegisteredTask } from "../../../src/queue/enqueue/registered_task.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { encrypted } from "../../../src/queue/records/encrypted.ts";
import { jsonSerializer } from "../../../src/queue/records/json_serializer.ts";
import { richSerializer } from "../../../src/queue/records/rich_serializer.ts";
import type { Worker } from "../../../src/queue/worker.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { keyOf } from "../records/encryption_keys.ts";
import { running, untilAborted } from "../stage.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";

/** Options of a worker that encrypts its records with the first of some keys. */
function withKeys(...names: string[]): WorkerOptions<undefined> {
  return { serializer: encrypted(jsonSerializer, names.map(keyOf)) };
}

function registerDouble(worker: Worker): RegisteredTask<[number], number> {
  return worker.task("double", (value: number) => value * 2);
}

const ways: [string, WorkerOptions<undefined>][] = [
  ["of JSON", withKeys("key")],
  ["of richSerializer", { serializer: encrypted(richSerializer, keyOf("key")) }],
  ["beside a signature", { ...withKeys("key"), signingSecret: "secret" }],
];
for (const [way, options] of ways) {
  behaviour(`the encryption ${way}`, (stage) => {
    it("keeps results, failures, dependencies, pipelines, aborts and tasks that repeat", async () => {
      const worker = await stage.worker(options);
      const double = registerDouble(worker);
      const fail = worker.task("fail", () => {
        throw new RangeError("too far", { cause: new Error("why") });
      });
      const hang = worker.task("hang", () => untilAborted(taskContext().signal));
      let occurrences = 0;
      const tick = worker.task("tick", (step: number) => void (occurrences += step));
      const first = await double.enqueue(21);
      const second = await double.enqueue(1).pipe(double).pipe(double);
      const third = await double.enqueue(2).start({ after: first.id });
      const failed = await fail.enqueue();
      const dependent = await double.enqueue(3).start({ after: failed.id });
      const aborted = await hang.enqueue();
      const repeating = await tick.enqueue(1).start({ schedule: "* * * * * *" });
      const run = running(worker);
      assertEquals([await first.value(), await second.value(), await third.value()], [42, 8, 4]);
      const { exception } = await failed.result();
      assert(exception instanceof RangeError);
      assertEquals([exception.message, (exception.cause as Error).message], ["too far", "why"]);
      assertMatch((await dependent.result()).exception!.message, /^Task .* on which it depends, failed$/);
      await eventually(async () => await aborted.status() === "running");
      assertEquals([await aborted.abort(), (await aborted.result()).exception?.name], [true, "StreaqCancelled"]);
      await eventually(() => occurrences >= 2);
      await repeating.unschedule();
      await run.stop();
    });
  });
}

behaviour("a worker whose records are encrypted", (stage) => {
  it("reads what was enqueued before a new key, and fails clearly what it has no key for any more", async () => {
    const queueName = stage.newQueue();
    const producer = await stage.worker({ ...withKeys("old"), queueName });
    const requests = Array.from({ length: 1000 }, (_, i) => registerStub(producer).enqueue(i));
    const tasks = await producer.enqueueMany(requests);

    // The workers get the new key, and lose the old one when half of the tasks are still queued.
    const rotating = await stage.worker({ ...withKeys("new", "old"), queueName });
    let calls = 0;
    rotating.task("double", async (value: number) => {
      if (++calls > 500) await untilAborted(taskContext().signal);
      return value * 2;
    });
    const run = running(rotating);
    await eventually(() => rotating.counters.completed === 500 && calls > 500);
    await run.stop();
    const rotated = await stage.worker({ ...withKeys("new"), queueName });
    const double = registerDouble(rotated);
    const another = await double.enqueue(1);
    await rotated.run({ burst: true });

    const reader = await stage.worker({ ...withKeys("new", "old"), queueName });
    const results = await Promise.all(tasks.map(({ id }) => reader.resultById(id)));
    const done = results.filter(({ success }) => success);
    assertEquals(done.length, 500);
    for (const [i, { taskId, success, result, exception, tries }] of results.entries()) {
      if (success) assertEquals(result, i * 2);
      else {
        const reason = "it is not encrypted with one of the keys: none has the id ";
        assert(exception instanceof StreaqError);
        assertMatch(exception.message, new RegExp(`^Cannot read the record of task ${taskId}: ${reason}[0-9a-f]{8}$`));
        assertEquals(tries, 0);
      }
    }
    // The worker that has only the new key has encrypted the failures with it.
    const [failed] = results.filter(({ success }) => !success);
    assertEquals((await rotated.resultById(failed!.taskId)).success, false);
    assertEquals(await another.value(), 2);
    assertEquals(rotated.counters.completed, 1);
    await stage.assertClean(rotated);
  });

  it("keeps failed tasks, also those without a key, and retries them when the key is back", async () => {
    const queueName = stage.newQueue();
    const producer = await stage.worker({ ...withKeys("old"), queueName });
    const task = await registerStub(producer).enqueue(21);
    const rotated = await stage.worker({ ...withKeys("new"), queueName });
    registerDouble(rotated);
    await rotated.run({ burst: true });
    const both = await stage.worker({ ...withKeys("new", "old"), queueName });
    const [failure] = await both.failures();
    assertEquals([failure?.taskId, failure?.args], [task.id, [21]]);
    assertMatch(failure!.exception.message, /^Cannot read the record of task /);
    assertEquals(await both.retryFailed(task.id), 1);
    registerDouble(both);
    await both.run({ burst: true });
    const { result } = await both.resultById(task.id);
    assertEquals([result, await both.countFailures()], [42, 0]);
  });

  it("fails a task alone that another producer has encrypted with another key, or not at all", async () => {
    const queueName = stage.newQueue();
    const [foreign, plain, worker] = await Promise.all(
      [withKeys("other"), {}, withKeys("key")].map((options) => stage.worker({ ...options, queueName })),
    );
    const double = registerDouble(worker!);
    const bad = [await registerStub(foreign!).enqueue(1), await registerStub(plain!).enqueue(1)];
    const good = await double.enqueue(1);
    await worker!.run({ burst: true });
    assertEquals(await good.value(), 2);
    for (const { id } of bad) {
      const { success, exception } = await worker!.resultById(id);
      const message =
        `Cannot read the record of task ${id}: it is not encrypted with one of the keys: none has the id `;
      assert(!success && exception.message.startsWith(message));
    }
    await stage.assertClean(worker!);
  });

  it("runs a record of exactly maxPayload bytes before the encryption, and refuses one byte more", async () => {
    for (const signing of [{}, { signingSecret: "secret" }]) {
      const shared = { queueName: stage.newQueue(), ...withKeys("key"), ...signing };
      const producer = await stage.worker(shared);
      const text = "x".repeat(400);
      const job = producer.stub<(text: string) => number>("job");
      const [bad, good] = await producer.enqueueMany([`${text}x`, text].map((value) => job.enqueue(value)));
      const record = { f: "job", a: [text], k: {}, t: Date.now(), i: good!.id };
      const worker = await stage.worker({ ...shared, maxPayload: JSON.stringify(record).length });
      worker.task("job", (_: string) => 1);
      await worker.run({ burst: true });
      assertEquals(await good!.value(), 1);
      assertMatch((await bad!.result()).exception!.message, /^Cannot run task .*: expected a record of at most /);
    }
  });
});

/** A task that is registered elsewhere. */
function registerStub(worker: Worker): RegisteredTask<[number], number> {
  return worker.stub<(value: number) => number>("double");
}
