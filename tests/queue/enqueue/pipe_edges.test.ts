import { it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { EnqueueError } from "../../../src/queue/enqueue/enqueue_error.ts";
import type { RegisteredTask } from "../../../src/queue/enqueue/registered_task.ts";
import type { StartOptions } from "../../../src/queue/enqueue/start_options.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { behaviour } from "../behaviour.ts";

behaviour("a pipeline", (stage) => {
  async function setUp(options: WorkerOptions<undefined> = {}) {
    const worker = await stage.worker(options);
    const runs: unknown[] = [];
    const note = worker.task((value: unknown) => {
      runs.push(value);
      return value;
    }, { name: "note" });
    const double = worker.task((value: number) => value * 2, { name: "double" });
    const fail = worker.task((_value: unknown): number => {
      throw new RangeError("no");
    }, { name: "fail" });
    return { worker, runs, note, double, fail };
  }

  it("is sent as a whole when any of its requests is awaited, and each request resolves to its own task", async () => {
    for (const awaited of [0, 1, 2]) {
      const { worker, runs, double, note } = await setUp();
      const first = double.enqueue(1);
      const second = first.pipe(double);
      const third = second.pipe(note);
      const requests = [first, second, third] as const;
      await requests[awaited];
      const statuses = await Promise.all(requests.map((request) => request.status()));
      assertEquals(statuses, ["queued", "scheduled", "scheduled"]);
      const tasks = await Promise.all(requests);
      assertEquals(tasks.map(({ id }) => id), requests.map(({ id }) => id));
      assert(await first === tasks[0]);
      await worker.run({ burst: true });
      const results = await Promise.all(tasks.map((task) => task.result()));
      assertEquals(results.map(({ result }) => result as unknown), [2, 4, 4]);
      assertEquals([runs, worker.counters.completed], [[4], 3]);
      await stage.assertClean(worker);
    }
  });

  it("derives the ids of later steps from a given first id, and runs once however often it is sent", async () => {
    const { worker, runs, double, note } = await setUp();
    const make = () => {
      const first = double.enqueue(1).start({ id: "order-17" });
      const second = first.pipe(double);
      return [first, second, second.pipe(note)] as const;
    };
    const ids = ["order-17", "order-17.2", "order-17.3"];
    assertEquals(make().map(({ id }) => id), ids);
    for (const request of make()) assertEquals((await request).id, request.id);
    assertEquals((await make()[2]).id, "order-17.3");
    assertEquals(await worker.queueSize(), 3);
    await worker.run({ burst: true });
    await make()[1];
    await Promise.all([make()[0], make()[1], make()[2]]);
    await worker.run({ burst: true });
    assertEquals([runs, worker.counters.completed], [[4], 3]);
    // An id can be given after pipe(), until the first id is read.
    const late = double.enqueue(1);
    const behind = late.pipe(note);
    late.start({ id: "late" });
    assertEquals(behind.id, "late.2");
    assertThrows(() => note.enqueue(1).start({ id: "x".repeat(512) }).pipe(note).id, StreaqError, "Cannot use id");
    await stage.assertClean(worker);
  });

  it("is sent together with tasks that depend on its steps", async () => {
    const { worker, runs, double, note } = await setUp();
    const first = double.enqueue(1);
    const second = first.pipe(double);
    await Promise.all([
      second,
      note.enqueue("below").start({ after: second.id }),
      note.enqueue("beside").start({ after: [first.id, second.id] }),
    ]);
    assertEquals((await worker.infoById(first.id))!.dependents.size, 2);
    await worker.run({ burst: true });
    assertEquals(new Set(runs), new Set(["below", "beside"]));
    await stage.assertClean(worker);
  });

  it("accepts no option but priority for a later step", async () => {
    const { worker, double } = await setUp({ priorities: ["low", "high"] });
    const later = double.enqueue(1).pipe(double);
    const refused: StartOptions[] = [
      { id: "mine" },
      { delay: 1 },
      { schedule: new Date() },
      { schedule: "* * * * *" },
      { after: "other" },
      { signal: new AbortController().signal },
    ];
    for (const options of refused) {
      const [name] = Object.keys(options);
      assertThrows(() => later.start(options), StreaqError, `Cannot use option "${name}": a task with piped input`);
      assertThrows(
        () => later.start({ priority: "high", ...options }),
        StreaqError,
        `Cannot use option "${name}": a task with piped input`,
      );
    }
    assertThrows(() => later.start({ priority: "none" }), StreaqError, "none");
    assert(later.start() === later && later.start({ priority: "high", delay: undefined }) === later);
    assertEquals((await (await later).info())!.status, "scheduled");
    assertEquals((await worker.getTasksByStatus("scheduled", { priority: "high" })).length, 1);
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("is refused with its first step, and can be sent again", async () => {
    const { worker, runs, double, note } = await setUp();
    const first = double.enqueue(1).start({ after: "later" });
    const last = first.pipe(double).pipe(note);
    for (const request of [last, first]) {
      await assertRejects(() => request.then(), StreaqError, "Dependency later is unknown, or its result is gone");
    }
    assertEquals([await last.status(), await first.status(), await worker.queueSize()], ["missing", "missing", 0]);
    await note.enqueue("above").start({ id: "later" });
    await last;
    await worker.run({ burst: true });
    assertEquals(runs, ["above", 4]);
    await stage.assertClean(worker);
  });

  it("fails at once if its first step depends on a failed task", async () => {
    const { worker, double, note, fail } = await setUp();
    const top = await fail.enqueue(1);
    await worker.run({ burst: true });
    const first = double.enqueue(1).start({ after: top.id });
    const task = await first.pipe(double).pipe(note);
    for (const id of [first.id, task.id]) {
      assertStringIncludes((await worker.resultById(id)).exception!.message, top.id);
    }
    assertEquals(await worker.queueSize(), 0);
    await stage.assertClean(worker);
  });

  it("is refused if its first step was enqueued before without it", async () => {
    const { worker, runs, double, note } = await setUp();
    const alone = await double.enqueue(1).start({ id: "mine" });
    for (const status of ["queued", "done"]) {
      assertEquals(await alone.status(), status);
      const last = double.enqueue(1).start({ id: "mine" }).pipe(double).pipe(note);
      await assertRejects(
        () => last.then(),
        StreaqError,
        "Task mine was enqueued before, and is not piped into this task",
      );
      assertEquals([last.id, await last.status()], ["mine.3", "missing"]);
      await worker.run({ burst: true });
    }
    assertEquals([runs, worker.counters.completed], [[], 1]);
    await stage.assertClean(worker);
  });

  it("passes on a result that is not kept", async () => {
    const { worker, runs, note } = await setUp();
    const forgetful = worker.task((value: number) => value + 1, { name: "forgetful", ttl: 0 });
    await forgetful.enqueue(1).pipe(forgetful).pipe(note);
    await worker.run({ burst: true });
    assertEquals(runs, [3]);
    await stage.assertClean(worker);
  });
});

behaviour("pipe()", (stage) => {
  async function setUp() {
    const worker = await stage.worker();
    const note = worker.task((value: unknown) => value, { name: "note" });
    return { worker, note };
  }

  it("refuses a request that was sent, has a schedule, is piped already, or belongs to another queue", async () => {
    const { worker, note } = await setUp();
    const sent = note.enqueue(1);
    await sent;
    assertThrows(() => sent.pipe(note), StreaqError, `request ${sent.id} was already sent`);
    const last = note.enqueue(1).pipe(note);
    await last;
    assertThrows(() => last.pipe(note), StreaqError, "was already sent");
    assertThrows(() => last.start({ priority: "normal" }), StreaqError, last.id);
    const forked = note.enqueue(1);
    forked.pipe(note);
    assertThrows(() => forked.pipe(note), StreaqError, "already piped into task note");
    const repeating = note.enqueue(1).start({ schedule: "* * * * *" });
    assertThrows(() => repeating.pipe(note), StreaqError, "repeats, with schedule * * * * *");
    const piped = note.enqueue(1);
    piped.pipe(note);
    assertThrows(() => piped.start({ schedule: "* * * * *" }), StreaqError, "it is piped into task note");
    const foreign = (await setUp()).note;
    assertThrows(() => note.enqueue(1).pipe(foreign), StreaqError, "expected a task of queue ");
    // A task of another worker of the same queue is accepted.
    const other = await stage.worker({ queueName: worker.queueName });
    const stub = other.stub<typeof note>("note");
    await note.enqueue(1).pipe(stub);
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("refuses a value that is not a task, and invalid named arguments", async () => {
    const { note } = await setUp();
    for (const next of [undefined, null, "note", () => 1, {}, note.enqueue(1)]) {
      assertThrows(() => note.enqueue(1).pipe(next as never), TypeError, "expected a registered task");
    }
    for (const kwargs of [null, 1, "no", [1]]) {
      assertThrows(() => note.enqueue(1).pipe(note as never, kwargs as never), TypeError, "named arguments");
    }
  });

  it("accepts 500 steps, and no more", async () => {
    const { worker } = await setUp();
    const add = worker.task((value: number) => value + 1, { name: "add", silent: true }) as RegisteredTask<
      [number],
      number
    >;
    let last = add.enqueue(0);
    for (let i = 1; i < 500; i++) last = last.pipe(add);
    assertThrows(() => last.pipe(add), StreaqError, "at most 500 tasks");
    const task = await last;
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, 500);
    await stage.assertClean(worker);
  });

  it("makes requests that enqueueMany() refuses before it sends anything", async () => {
    const { worker, note } = await setUp();
    const first = note.enqueue(1);
    const last = first.pipe(note);
    const plain = note.enqueue(2);
    for (const request of [first, last]) {
      const error = await assertRejects(() => worker.enqueueMany([plain, request]), StreaqError, "pipeline");
      assert(!(error instanceof EnqueueError));
    }
    assertEquals([await worker.queueSize(), await plain.status()], [0, "missing"]);
    await stage.assertClean(worker);
  });
});
