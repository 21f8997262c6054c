import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { StreaqError } from "../../src/base/errors.ts";
import { taskContext, workerContext } from "../../src/queue/context.ts";
import { Worker } from "../../src/queue/worker.ts";
import { startByteServer } from "../support/byte_server.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";
import { assertClean, keysOf } from "./keyspace.ts";
import { Lines, running, sleep, Stage } from "./stage.ts";

const stage = new Stage();

describe("task()", () => {
  const worker = new Worker();
  worker.task(() => 1, { name: "taken" });

  it("refuses a name that is taken, or none", () => {
    assertThrows(() => worker.task(() => 2, { name: "taken" }), StreaqError, "taken");
    assertThrows(() => worker.task(() => 2), StreaqError, "needs a name");
    assertThrows(() => worker.task(() => 2, { name: "" }), StreaqError, "needs a name");
    assertThrows(() => worker.task(() => 2, { name: "a:b" }), StreaqError, "a:b");
  });

  it("refuses what is no function", () => {
    assertThrows(() => worker.task("no" as unknown as () => void), TypeError, "string");
    assertThrows(() => worker.task(class Thing {}), TypeError, "Thing");
  });

  it("refuses options that are not possible", () => {
    for (const maxTries of [0, -1, 1.5, NaN]) {
      assertThrows(() => worker.task(() => 1, { name: "x", maxTries }), RangeError, String(maxTries));
    }
    assertThrows(() => worker.task(() => 1, { name: "x", ttl: "soon" as "1s" }), TypeError, "soon");
    assertEquals([...worker.registry.keys()], ["taken"]);
  });
});

describe("new Worker()", () => {
  it("refuses options that are not possible, and names them", () => {
    assertThrows(() => new Worker({ concurrency: 0 }), RangeError, "concurrency");
    assertThrows(() => new Worker({ prefetch: -1 }), RangeError, "prefetch");
    assertThrows(() => new Worker({ maxPayload: 0 }), RangeError, "maxPayload");
    assertThrows(() => new Worker({ idleTimeout: 1 }), RangeError, "idleTimeout");
    assertThrows(() => new Worker({ gracePeriod: "long" as "1s" }), TypeError, "gracePeriod");
    assertThrows(() => new Worker({ priorities: [] }), RangeError, "priorities");
    assertThrows(() => new Worker({ priorities: ["a", "a"] }), RangeError, "priorities");
    assertThrows(() => new Worker({ priorities: ["a:b"] }), TypeError, "a:b");
    assertThrows(() => new Worker({ queueName: "a:b" }), TypeError, "queueName");
    assertThrows(() => new Worker({ redisUrl: "http://localhost" }), TypeError, "http://localhost");
  });

  it("takes undefined for not given", () => {
    const worker = new Worker({ concurrency: undefined, redis: undefined, id: undefined, logger: undefined });
    assertEquals([worker.id.length, worker.queueName, worker.running], [8, "default", 0]);
  });
});

describe("run()", () => {
  it("ends with burst when nothing is left, also when tasks enqueue tasks", async () => {
    const worker = await stage.worker({ concurrency: 2 });
    const down = worker.task(async (n: number): Promise<void> => {
      if (n > 0) await down.enqueue(n - 1);
      await sleep(5);
    }, { name: "down" });
    await down.enqueue(10);
    await worker.run({ burst: true });
    assertEquals(worker.counters.completed, 11);
    await assertClean(worker.redis, worker.queueName);
  });

  it("ends normally when its signal is aborted, before or after it began", async () => {
    const worker = await stage.worker();
    await worker.run({ signal: AbortSignal.abort() });
    const run = running(worker);
    await eventually(() => worker.context === undefined);
    await run.stop();
  });

  it("runs what comes, as many at once as it has slots", async () => {
    const worker = await stage.worker({ concurrency: 3 });
    let most = 0;
    const busy = worker.task(async function busy() {
      most = Math.max(most, worker.running);
      await sleep(30);
    });
    const run = running(worker);
    const tasks = await worker.enqueueMany(Array.from({ length: 12 }, () => busy.enqueue()));
    await Promise.all(tasks.map((task) => task.result()));
    await run.stop();
    assertEquals([most, worker.counters.completed], [3, 12]);
    assertEquals(worker.running, 0);
  });

  it("refuses to run twice at once, and can run again", async () => {
    const worker = await stage.worker();
    const run = running(worker);
    await assertRejects(() => worker.run(), StreaqError, worker.id);
    await run.stop();
    await worker.run({ burst: true });
  });

  it("says goodbye: no consumer and no sign of life is left", async () => {
    const worker = await stage.worker();
    const run = running(worker);
    const prefix = `streaq:${worker.queueName}`;
    await eventually(async () => (await keysOf(worker.redis, `${prefix}:health`)).length === 1);
    const health = await worker.redis.command<string>(["GET", `${prefix}:health:${worker.id}`]);
    assertStringIncludes(health, `worker ${worker.id} {`);
    await run.stop();
    assertEquals(await keysOf(worker.redis, prefix), [`${prefix}:queues:normal`]);
    assertEquals(await worker.redis.command(["XINFO", "CONSUMERS", `${prefix}:queues:normal`, "workers"]), []);
  });

  it("logs in the format of the reference, without payloads, and not for silent tasks", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const loud = worker.task(async function loud(_secret: string) {}, {});
    const quiet = worker.task(async function quiet(_secret: string) {}, { silent: true });
    const [task] = await worker.enqueueMany([loud.enqueue("s3cret"), quiet.enqueue("s3cret")]);
    await worker.run({ burst: true });
    assertEquals(lines.with("loud"), [
      `info task loud □ ${task.id} → worker ${worker.id}`,
      `info task loud ■ ${task.id}`,
    ]);
    assertEquals(lines.with("quiet"), []);
    assertEquals(lines.with("s3cret"), []);
  });

  it("logs a failure with its stack down to where the task began", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const fail = worker.task(async function fail() {
      await Promise.resolve();
      throw new RangeError("too far");
    });
    await fail.enqueue();
    await worker.run({ burst: true });
    const [line] = lines.with("too far");
    assertStringIncludes(line!, "run.test.ts");
    assert(!line!.includes("executor"), line);
  });

  it("fails a task of a name that no worker has registered", async () => {
    const worker = await stage.worker();
    const other = await stage.worker({ queueName: worker.queueName });
    const task = await other.task(() => 1, { name: "elsewhere" }).enqueue();
    await worker.run({ burst: true });
    assertStringIncludes((await task.result()).exception.message, "elsewhere");
    await assertClean(worker.redis, worker.queueName);
  });
});

describe("close()", () => {
  it("is harmless twice, at once and one after the other", async () => {
    const worker = await stage.worker();
    await worker.connect();
    await Promise.all([worker.close(), worker.close()]);
    await worker.close();
  });

  it("stops a run", async () => {
    const worker = await stage.worker();
    const ended = worker.run();
    await eventually(() => worker.context === undefined);
    await worker.close();
    await ended;
  });

  it("leaves nothing usable behind, and says so", async () => {
    const worker = await stage.worker();
    const task = worker.task(() => 1, { name: "one" });
    await worker.close();
    await assertRejects(() => worker.run(), StreaqError, "closed");
    await assertRejects(() => worker.connect(), StreaqError, "closed");
    await assertRejects(async () => await task.enqueue(), Error, "closed");
  });

  it("leaves a client that was given to it open", async () => {
    const owner = await stage.worker();
    await using worker = await stage.worker({ redis: owner.redis });
    await worker.task(() => 1, { name: "one" }).enqueue();
    await worker.run({ burst: true });
    await worker.close();
    assertEquals(await owner.redis.command(["PING"]), "PONG");
  });
});

describe("a worker without a Redis that serves it", () => {
  /** Every first operation rejects with this text, without the password, and closing ends everything. */
  async function refuses(redisUrl: string, text: string): Promise<void> {
    const worker = new Worker({
      redisUrl,
      redisOptions: { connectTimeout: 500 },
      handleSignals: false,
      logger: new Lines(),
    });
    const task = worker.task(() => 1, { name: "one" });
    for (const operation of [() => worker.run(), () => worker.connect(), async () => await task.enqueue()]) {
      const error = await assertRejects(operation) as Error;
      assertStringIncludes(error.message, text);
      assert(!error.message.includes("s3cret"), error.message);
    }
    await worker.close();
  }

  it("says where it looked when nobody is there", async () => {
    await refuses("redis://user:s3cret@127.0.0.1:1/0", "127.0.0.1:1");
  });

  it("rejects at once when its credentials are refused", async () => {
    await using server = await startRedis({ password: "right" });
    const { port } = server;
    const start = Date.now();
    await refuses(`redis://:s3cret@127.0.0.1:${port}`, "WRONGPASS");
    await refuses(`redis://127.0.0.1:${port}`, "NOAUTH");
    await refuses(`redis://:right@127.0.0.1:${port}/99`, "out of range");
    assert(Date.now() - start < 1500);
  });

  it("says what is wrong with a server that speaks no RESP, or nothing", async () => {
    const http = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nno";
    await using web = await startByteServer({ onData: (peer) => peer.write(http) });
    await refuses(`redis://127.0.0.1:${web.port}`, `127.0.0.1:${web.port}`);
    await using mute = await startByteServer();
    await refuses(`redis://127.0.0.1:${mute.port}`, `127.0.0.1:${mute.port}`);
  });
});

describe("contexts", () => {
  it("are there in the body, in default parameters and across await", async () => {
    const worker = await stage.worker({
      lifespan: async function* () {
        yield { db: "open" };
      },
    });
    const look = worker.task(async function look(n: number, { db } = worker.context, ctx = taskContext()) {
      await sleep(1);
      const again = taskContext();
      return [n, db, workerContext<{ db: string }>().db, ctx.taskId === again.taskId, again.fnName, again.tries];
    });
    const [a, b] = await worker.enqueueMany([look.enqueue(1), look.enqueue(2)]);
    await worker.run({ burst: true });
    assertEquals((await a.result()).result, [1, "open", "open", true, "look", 1]);
    assertEquals((await b.result()).result, [2, "open", "open", true, "look", 1]);
  });

  it("throw outside", async () => {
    const worker = await stage.worker();
    assertThrows(() => taskContext(), StreaqError, "task");
    assertThrows(() => workerContext(), StreaqError, "worker");
    assertThrows(() => worker.context, StreaqError, worker.id);
  });
});

describe("lifespan", () => {
  it("is opened before the first task, and closed after the last", async () => {
    const events: string[] = [];
    const worker = await stage.worker({
      lifespan: async function* () {
        events.push("open");
        yield 1;
        events.push("close");
      },
    });
    await worker.task(() => void events.push("task"), { name: "task" }).enqueue();
    await worker.run({ burst: true });
    assertEquals(events, ["open", "task", "close"]);
  });

  it("ends the run with its error, when opening or closing fails", async () => {
    const opening = await stage.worker({
      lifespan: async function* () {
        await Promise.reject(new RangeError("no db"));
        yield 1;
      },
    });
    await assertRejects(() => opening.run({ burst: true }), RangeError, "no db");
    const closing = await stage.worker({
      lifespan: async function* () {
        yield 1;
        throw new RangeError("still open");
      },
    });
    await assertRejects(() => closing.run({ burst: true }), RangeError, "still open");
    const empty = await stage.worker({ lifespan: async function* () {} });
    await assertRejects(() => empty.run({ burst: true }), StreaqError, "without yielding");
  });
});
