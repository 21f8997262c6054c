import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { checked, EnqueueError, kwargs, StreaqError, ValidationError } from "../../../mod.ts";
import { jsonSerializer } from "../../../src/queue/records/json_serializer.ts";
import { RecordCodec } from "../../../src/queue/records/record_codec.ts";
import { Validator } from "../../../src/queue/tasks/validator.ts";
import { gate, settled } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { noting, schema } from "../tasks/schema.ts";
import { vendors } from "../tasks/vendors.ts";

const positive = schema<number>((value) => {
  return typeof value === "number" && value > 0 ? { value } : { issues: [{ message: "Not positive" }] };
});
/** The same, asynchronous. */
const later = schema<number>(async (value) => await Promise.resolve(positive["~standard"].validate(value)));
const never = schema<number>(() => new Promise(() => {}));

behaviour("A request of a checked task", (stage) => {
  for (const { name, order, note, shout, free } of vendors) {
    it(`is refused before anything is stored when a schema of ${name} refuses its arguments`, async () => {
      const worker = await stage.worker();
      const ship = worker.task("ship", checked([order, note], (order) => order.id));
      const request = ship.enqueue({ id: "17", at: "secret" });
      const error = await assertRejects(() => request, ValidationError);
      assertEquals(error.message, "Invalid arguments of task ship: [0].at: Invalid date");
      assertEquals(error.issues, [{ path: "[0].at", message: "Invalid date" }]);
      assertEquals([await request.status(), await worker.queueSize()], ["missing", 0]);
    });

    it(`stores what was given, so that the transforms of ${name} apply once`, async () => {
      const worker = await stage.worker();
      const seen: unknown[] = [];
      const ship = worker.task("ship", checked([order, shout, note], (...args) => void seen.push(args)));
      const task = await ship.enqueue({ id: "17", at: "2027-01-01" }, "now");
      assertEquals((await task.info())?.args, [{ id: "17", at: "2027-01-01" }, "now"]);
      await worker.run({ burst: true });
      assertEquals((await task.result()).success, true);
      assertEquals(seen, [[{ id: "17", at: new Date("2027-01-01") }, "now!", undefined]]);
      await stage.assertClean(worker);
    });

    if (!free) continue;
    it(`waits for asynchronous schemas of ${name}`, async () => {
      const worker = await stage.worker();
      const take = worker.task("take", checked([free], (word) => word));
      await assertRejects(() => take.enqueue("taken"), ValidationError, "[0]: Taken");
      assertEquals(await worker.queueSize(), 0);
      const task = await take.enqueue("free");
      await worker.run({ burst: true });
      assertEquals((await task.result()).result, "free!");
    });
  }

  it("is checked when it is sent, and again when it is sent again", async () => {
    const worker = await stage.worker();
    const seen: unknown[] = [];
    const once = schema<string>((value) => {
      seen.push(value);
      return seen.length === 1 ? { issues: [{ message: "not yet" }] } : { value };
    });
    const echo = worker.task("echo", checked([once], (text) => text));
    const request = echo.enqueue("a");
    assertEquals(seen, []);
    await assertRejects(() => request, ValidationError);
    const task = await request;
    assertEquals([seen, task.isNew, await task.status()], [["a", "a"], true, "queued"]);
    await request;
    assertEquals(seen.length, 2);
  });

  it("is checked as it is stored, whatever happens to its arguments after enqueue()", async () => {
    const worker = await stage.worker();
    const valid = schema<{ n: number }>((value) => positive["~standard"].validate((value as { n: number }).n));
    const seen: unknown[] = [];
    const note = worker.task("note", checked([valid], (value) => void seen.push(value)));
    const [good, bad] = [{ n: 1 }, { n: -1 }];
    const requests = [note.enqueue(good), note.enqueue(bad)];
    [good.n, bad.n] = [-1, 1];
    await requests[0];
    await assertRejects(async () => void await requests[1], ValidationError);
    await worker.run({ burst: true });
    assertEquals(seen, [1]);
  });

  it("rejects with the reason why its arguments cannot be serialised", async () => {
    const worker = await stage.worker();
    const echo = worker.task("echo", checked([schema((value) => ({ value }))], () => {}));
    await assertRejects(() => echo.enqueue(new Date()), StreaqError, "Cannot serialise the arguments of task echo");
  });

  it("rejects with a StreaqError when a schema fails, and others are not affected", async () => {
    const worker = await stage.worker();
    const cause = new Error("gotcha");
    const failing = schema<number>((value) => {
      if (value === 0) throw cause;
      return { value };
    });
    const echo = worker.task("echo", checked([failing], (n) => n));
    const [error, task] = await Promise.all([
      assertRejects(() => echo.enqueue(0), StreaqError, "Cannot check the arguments of task echo"),
      echo.enqueue(1),
    ]);
    assertStrictEquals(error.cause, cause);
    assertEquals([await task.status(), await worker.queueSize()], ["queued", 1]);
  });

  it("can be given up by its signal while a schema does not settle, and is not stored", async () => {
    const worker = await stage.worker();
    const stuck = worker.task("stuck", checked([never], () => {}));
    const controller = new AbortController();
    const reason = new Error("enough");
    const request = stuck.enqueue(1).start({ signal: controller.signal });
    const sent = request.then(() => undefined, (error) => error);
    assertEquals(await settled(sent, 0), "pending");
    controller.abort(reason);
    assertStrictEquals(await sent, reason);
    assertEquals(await request.status(), "missing");
  });

  it("is sent before requests that depend on it, while its schema takes its time", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    const slow = schema<number>(async (value) => {
      await opened;
      return { value };
    });
    const first = worker.task("first", checked([slow], (n) => n));
    const plain = worker.task("plain", () => "done");
    const a = first.enqueue(1);
    const b = plain.enqueue().start({ after: a.id });
    const c = plain.enqueue().start({ after: [b.id] });
    const d = plain.enqueue().start({ after: [a.id, c.id] });
    // then() sends them in this order; Promise.all would do that later.
    const sent = Promise.all([a.then(), b.then(), c.then(), worker.enqueueMany([d, plain.enqueue()])]);
    assertEquals(await (await plain.enqueue()).status(), "queued");
    assertEquals(await settled(sent, 0), "pending");
    open();
    const [, , , [last]] = await sent;
    await worker.run({ burst: true });
    assertEquals((await last.result()).result, "done");
    await stage.assertClean(worker);
  });

  it("does not wait for one that depends on it in turn", async () => {
    const worker = await stage.worker();
    const task = worker.task("task", checked([later], () => {}));
    const [a, b] = [task.enqueue(1), task.enqueue(2)];
    a.start({ after: b.id });
    b.start({ after: a.id });
    const outcomes = await Promise.allSettled([a, b]);
    assertEquals(outcomes.map(({ status }) => status), ["rejected", "rejected"]);
  });

  it("is not sent when the one that it depends on is invalid", async () => {
    const worker = await stage.worker();
    const task = worker.task("task", checked([later], () => {}));
    const a = task.enqueue(-1);
    const b = task.enqueue(1).start({ after: a.id });
    const [first, second] = await Promise.allSettled([a, b]);
    assert(first.status === "rejected" && second.status === "rejected");
    assertInstanceOf(first.reason, ValidationError);
    assertEquals(await worker.queueSize(), 0);
  });

  it("is checked for a task of an included worker", async () => {
    const [worker, other] = [await stage.worker(), await stage.worker()];
    const task = other.task("task", checked([positive], (n) => n));
    await assertRejects(() => task.enqueue(-1), ValidationError);
    worker.include(other);
    await assertRejects(() => task.enqueue(-1), ValidationError);
    const sent = await task.enqueue(1);
    await worker.run({ burst: true });
    assertEquals((await sent.result()).result, 1);
  });

  it("stores no schedule when its arguments are invalid", async () => {
    const worker = await stage.worker();
    const task = worker.task("task", checked([positive], (n) => n));
    await assertRejects(() => task.enqueue(-1).start({ schedule: "@daily" }), ValidationError);
    assertEquals(await worker.schedules(), []);
  });

  it("is not checked when a stub or enqueueUnsafe() makes it", async () => {
    const worker = await stage.worker();
    const seen: unknown[] = [];
    const task = worker.task("task", checked([noting<number>(seen)], (n) => n));
    await worker.stub<typeof task>("task").enqueue(1);
    await worker.enqueueUnsafe("task", 2);
    await worker.enqueueUnsafe("task", kwargs({ n: 3 }));
    assertEquals(seen, []);
    await worker.run({ burst: true });
    assertEquals(seen, [1, 2, { n: 3 }]);
  });
});

behaviour("enqueueMany() with checked tasks", (stage) => {
  for (const [what, number] of [["synchronous", positive], ["asynchronous", later]] as const) {
    it(`sends none of 300 when one is invalid, with ${what} schemas`, async () => {
      const worker = await stage.worker();
      const task = worker.task("task", checked([number], (n) => n));
      const plain = worker.task("plain", () => {});
      const requests = Array.from({ length: 300 }, (_, i) => i % 2 ? plain.enqueue() : task.enqueue(298.5 - i));
      // The last of them is 0.5.
      await worker.enqueueMany(requests);
      const more = [...Array.from({ length: 299 }, () => plain.enqueue()), task.enqueue(-1)];
      const error = await assertRejects(() => worker.enqueueMany(more), EnqueueError);
      assertInstanceOf(error.cause, ValidationError);
      assertEquals(
        [error.message, error.tasks],
        ["Cannot enqueue 300 of 300 tasks: Invalid arguments of task task: [0]: Not positive", []],
      );
      assertEquals(await worker.queueSize(), 300);
      // Those that are valid can be sent again.
      await worker.enqueueMany(more.slice(0, 299));
      assertEquals(await worker.queueSize(), 599);
    });
  }

  it("leaves no rejection unhandled when one schema refuses at once and others later", async () => {
    const worker = await stage.worker();
    const [slow, fast] = [
      worker.task("slow", checked([later], () => {})),
      worker.task("fast", checked([positive], () => {})),
    ];
    const requests = [slow.enqueue(-1), fast.enqueue(-1), slow.enqueue(-1)];
    await assertRejects(() => worker.enqueueMany(requests), EnqueueError, "task fast");
    assertEquals(await worker.queueSize(), 0);
  });

  it("can be given up by a signal while a schema does not settle, and sends none", async () => {
    const worker = await stage.worker();
    const [stuck, plain] = [worker.task("stuck", checked([never], () => {})), worker.task("plain", () => {})];
    const controller = new AbortController();
    const requests = [plain.enqueue().start({ signal: controller.signal }), stuck.enqueue(1)] as const;
    const sent = assertRejects(() => worker.enqueueMany(requests), EnqueueError, "enough");
    assertEquals(await settled(sent, 0), "pending");
    controller.abort(new Error("enough"));
    await sent;
    // One that depends on those is not held for ever.
    await assertRejects(() => plain.enqueue().start({ after: requests[1].id }), StreaqError);
    assertEquals(await worker.queueSize(), 0);
  });
});

behaviour("A pipeline of checked tasks", (stage) => {
  it("is refused when the arguments of its first task are invalid", async () => {
    const worker = await stage.worker();
    const task = worker.task("task", checked([positive], (n) => n));
    const first = task.enqueue(-1);
    const second = first.pipe(task);
    await assertRejects(() => second, ValidationError);
    await assertRejects(() => first, ValidationError);
    assertEquals(await worker.queueSize(), 0);
  });

  it("checks what is piped when it has arrived", async () => {
    const worker = await stage.worker();
    const seen: unknown[] = [];
    const negate = worker.task("negate", (n: number) => -n);
    const note = worker.task(
      "note",
      checked([positive, noting<{ unit: string }>(seen)], (n, { unit }) => `${n} ${unit}`),
    );
    const [good, bad] = await Promise.all([
      negate.enqueue(-5).pipe(note, { unit: "m" }),
      negate.enqueue(5).pipe(note, { unit: "s" }),
    ]);
    assertEquals(seen, []);
    await worker.run({ burst: true });
    assertEquals((await good.result()).result, "5 m");
    const { exception, tries } = await bad.result();
    assertInstanceOf(exception, ValidationError);
    assertEquals([exception.message, tries], ["Invalid arguments of task note: [0]: Not positive", 0]);
    assertEquals(seen.length, 2);
    await stage.assertClean(worker);
  });
});

describe("Draft.check()", () => {
  const codec = new RecordCodec({ serializer: jsonSerializer, maxPayload: 1000 });
  const draft = (validator: Validator | undefined) => {
    return codec.template({ fnName: "task", expire: null, validator }).draft({ args: [1], kwargs: {} });
  };

  it("makes no promise for a task without schemas, or with synchronous ones", () => {
    assertEquals(draft(undefined).check(), undefined);
    assertEquals(draft(new Validator({ input: [positive] }, "task")).check(), undefined);
    assertInstanceOf(draft(new Validator({ input: [later] }, "task")).check(), Promise);
  });
});
