import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { workerContext } from "../../../src/queue/context/task_context.ts";
import { kwargs } from "../../../src/queue/tasks/kwargs.ts";
import { Worker } from "../../../src/queue/worker.ts";
import { behaviour } from "../behaviour.ts";

declare function fetchLength(url: string): Promise<number>;

behaviour("include()", (stage) => {
  it("takes over the tasks of another worker, which then run and are enqueued here", async () => {
    const mail = new Worker({ queueName: "nowhere" });
    const send = mail.task(async function send(to: string) {
      return await Promise.resolve(`sent to ${to} by ${workerContext<string>()}`);
    }, { ttl: "1m" });
    const worker = await stage.worker({
      lifespan: async function* () {
        yield "the main worker";
      },
    });
    worker.include(mail);
    assertStrictEquals(send.worker as unknown, worker);
    assertStrictEquals(worker.registry.get("send") as unknown, send);
    const task = await send.enqueue("ann");
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, "sent to ann by the main worker");
    await mail.close();
  });

  it("leaves a task in the other worker's queue until it is called, where no worker reads", async () => {
    const mail = await stage.worker();
    const send = mail.task("send", (to: string) => `sent to ${to}`);
    const worker = await stage.worker();
    const early = await send.enqueue("ann");
    worker.include(mail);
    const late = await send.enqueue("bob");
    await worker.run({ burst: true });
    assertEquals((await late.result()).result, "sent to bob");
    assertEquals([await mail.statusById(early.id), await worker.statusById(early.id)], ["queued", "missing"]);
  });

  it("ignores the other worker's middleware and lifespan", async () => {
    const seen: string[] = [];
    const other = new Worker({
      lifespan: async function* () {
        seen.push("lifespan");
        yield 1;
      },
    });
    other.middleware((next) => {
      seen.push("middleware");
      return next;
    });
    const task = other.task(() => void seen.push("task"), { name: "task" });
    const worker = await stage.worker();
    worker.include(other);
    await task.enqueue();
    await worker.run({ burst: true });
    assertEquals(seen, ["task"]);
  });

  it("throws if a name is taken, and then takes over nothing", () => {
    const [worker, other] = [new Worker(), new Worker()];
    worker.task(() => 1, { name: "same" });
    const first = other.task(() => 2, { name: "first" });
    other.task(() => 3, { name: "same" });
    assertThrows(() => worker.include(other), StreaqError, "same");
    assertEquals([...worker.registry.keys()], ["same"]);
    assertStrictEquals(first.worker as unknown, other);
    assertThrows(() => worker.include(worker), StreaqError, "same");
  });

  it("takes over tasks through several levels", async () => {
    const [inner, middle] = [new Worker(), new Worker()];
    const deep = inner.task(() => "deep", { name: "deep" });
    middle.include(inner);
    const worker = await stage.worker();
    worker.include(middle);
    const task = await deep.enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, "deep");
  });
});

describe("an application whose modules register their tasks on one worker", () => {
  it("enqueues in its queue from a module that imports one of them, and runs the tasks of all of them", async () => {
    const { sendMail } = await import("../../../examples/app/mail.ts");
    assertEquals([sendMail.worker.queueName, [...sendMail.worker.registry.keys()]], ["app", ["sendMail"]]);
    const { worker } = await import("../../../examples/app/main.ts");
    assertStrictEquals(sendMail.worker as unknown, worker);
    assertEquals([...worker.registry.keys()], ["sendMail", "countWords"]);
  });
});

behaviour("a task that another worker has registered", (stage) => {
  it("can be enqueued through a stub, which has nothing but its types", async () => {
    const producer = await stage.worker();
    const worker = await stage.worker({ queueName: producer.queueName });
    worker.task((url: string) => url.length, { name: "fetchLength" });
    const stub = producer.stub<typeof fetchLength>("fetchLength");
    assertEquals([stub.fnName, producer.registry.size], ["fetchLength", 0]);
    const task = await stub.enqueue("https://example.org");
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, 19);
    await assertRejects(() => stub("https://example.org"), StreaqError, "fetchLength");
    assertThrows(() => producer.stub("a:b"), StreaqError, "a:b");
    assertThrows(() => producer.stub(""), StreaqError);
  });

  it("can be enqueued by name, with named arguments as one trailing object", async () => {
    const producer = await stage.worker();
    const worker = await stage.worker({ queueName: producer.queueName });
    worker.task((...args: unknown[]) => args, { name: "echo" });
    const requests = [
      producer.enqueueUnsafe("echo", 1, "two", kwargs({ retries: 2 })),
      producer.enqueueUnsafe("echo"),
      producer.enqueueUnsafe("echo", kwargs({})),
      producer.enqueueUnsafe("echo", { retries: 2 }),
    ];
    const tasks = await producer.enqueueMany(requests);
    assertEquals((await tasks[0]!.info())?.kwargs, { retries: 2 });
    await worker.run({ burst: true });
    const results = await Promise.all(tasks.map(async (task) => (await task.result()).result));
    assertEquals(results, [[1, "two", { retries: 2 }], [], [], [{ retries: 2 }]]);
  });

  it("is refused if its name or its named arguments are invalid", async () => {
    const worker = await stage.worker();
    assertThrows(() => worker.enqueueUnsafe("a:b"), StreaqError, "a:b");
    assertThrows(() => worker.enqueueUnsafe(undefined as never), StreaqError, "undefined");
    for (const bad of [null, [], "text", 1]) assertThrows(() => kwargs(bad as never), TypeError, "expected an object");
  });

  it("fails if no worker has registered it after all", async () => {
    const worker = await stage.worker();
    const task = await worker.enqueueUnsafe("nobody");
    await worker.run({ burst: true });
    await assertRejects(
      async () => {
        throw (await task.result()).exception;
      },
      StreaqError,
      "nobody",
    );
    await stage.assertClean(worker);
  });
});
