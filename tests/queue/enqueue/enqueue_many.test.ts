import { after, describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { testsUseRedis } from "../../../scripts/switches.mjs";
import { StreaqError } from "../../../src/base/errors.ts";
import { EnqueueError } from "../../../src/queue/enqueue/enqueue_error.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { ConnectionError, createClient, type RedisClient } from "../../../src/redis/mod.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { onRedis } from "../brokers.ts";
import { Stage } from "../stage.ts";

/** More than fit into the slices that are on their way at once. */
const count = 1500;

async function setUp<B extends Stage>(stage: B, options: WorkerOptions<undefined> = {}) {
  const worker = await stage.worker(options);
  const runs: unknown[] = [];
  const note = worker.task((value: unknown) => void runs.push(value), { name: "note" });
  const many = (length = count) => Array.from({ length }, (_, i) => note.enqueue(i));
  return { worker, note, many, runs };
}

behaviour("enqueueMany()", (stage) => {
  it("enqueues many tasks in order, each once, and resolves to them in order", async () => {
    const { worker, many, runs } = await setUp(stage);
    const requests = many();
    const list = [...requests, requests[0]!];
    const sending = worker.enqueueMany(list);
    list.length = 0; // The list is the caller's, who may use it for something else.
    const tasks = await sending;
    assert(tasks[0] === tasks[count]);
    assertEquals(await Promise.all(requests), tasks.slice(0, count));
    const queued = await worker.getTasksByStatus("queued", { limit: 2 * count });
    assertEquals(queued.map(({ taskId }) => taskId), tasks.slice(0, count).map(({ id }) => id));
    await worker.run({ burst: true });
    assertEquals(runs.toSorted((a, b) => Number(a) - Number(b)), Array.from({ length: count }, (_, i) => i));
  });

  for (const [what, options] of Object.entries({ "plain": {}, "signed": { signingSecret: "s3cret" } })) {
    it(`sends nothing if the last of many ${what} records is too large, and all when it is left out`, async () => {
      const { worker, note, many, runs } = await setUp(stage, { ...options, maxPayload: 1000 });
      const requests = many();
      const last = note.enqueue("ü".repeat(1000));
      const error = await assertRejects(() => worker.enqueueMany([...requests, last]), EnqueueError, "maxPayload");
      assertEquals(error.tasks, []);
      assertEquals(await worker.queueSize(), 0);
      await assertRejects(async () => await last, StreaqError, "maxPayload");
      await worker.enqueueMany(requests);
      await worker.run({ burst: true });
      assertEquals(runs.length, count);
    });
  }

  it("enqueues a task after one that is still to be sent", async () => {
    const { worker, note, many, runs } = await setUp(stage);
    const requests = many();
    const sending = worker.enqueueMany(requests);
    const dependent = note.enqueue("last").start({ after: requests.at(-1)!.id });
    await Promise.all([sending, dependent]);
    await worker.run({ burst: true });
    assertEquals(runs.at(-1), "last");
    assertEquals(runs.length, count + 1);
  });

  it("refuses what is not an array of requests, and sends nothing", async () => {
    const { worker, note } = await setUp(stage);
    const request = note.enqueue(1);
    for (
      const [requests, got] of [
        [undefined, "an array of requests, got undefined"],
        [null, "an array of requests, got null"],
        [new Set([request]), "an array of requests, got a Set"],
        [request, "an array of requests, got a Request"],
        [[request, undefined], "a request at index 1, got undefined"],
        [[request, Promise.resolve()], "a request at index 1, got a Promise"],
      ] as const
    ) {
      await assertRejects(() => worker.enqueueMany(requests as never), TypeError, got);
    }
    assertEquals(await worker.queueSize(), 0);
    assertEquals(await request.status(), "missing");
  });

  it("finds the task of another request that has taken a generated id", async () => {
    const { worker, note, runs } = await setUp(stage);
    const [one, two] = [note.enqueue("one"), note.enqueue("two")];
    await worker.enqueueMany([note.enqueue("other one").start({ id: one.id }), note.enqueue("more")]);
    await note.enqueue("other two").start({ id: two.id });
    const [task] = await worker.enqueueMany([one]);
    assertEquals([task.isNew, (await two).isNew], [false, false]);
    await worker.run({ burst: true });
    assertEquals(runs.sort(), ["more", "other one", "other two"]);
  });
});

describe("enqueueMany() with failing calls", { skip: !testsUseRedis() }, () => {
  const stage = new Stage(onRedis);
  const clients: RedisClient[] = [];
  after(() => Promise.all(clients.map((client) => client.close())));

  /** A worker whose client does as `fault` says about each call of a script. */
  async function withFault(fault: (run: () => Promise<unknown>) => Promise<unknown>) {
    const client = createClient((await stage.broker).server.url);
    clients.push(client);
    const redis = new Proxy(client, {
      get(target, key) {
        const value = Reflect.get(target, key);
        if (key !== "command") return typeof value === "function" ? value.bind(target) : value;
        return (...args: Parameters<RedisClient["command"]>) => {
          const run = () => target.command(...args);
          return args[0][0] === "EVALSHA" ? fault(run) : run();
        };
      },
    });
    return await setUp(stage, { redis });
  }

  it("stores each task once although replies are lost", async () => {
    let calls = 0;
    let isLossy = true;
    const lost = new ConnectionError("LOST", "The connection was lost", { maybeExecuted: true });
    const { worker, note, many, runs } = await withFault(async (run) => {
      const reply = await run();
      if (isLossy && calls++ % 3 === 0) throw lost;
      return reply;
    });
    const tasks = await worker.enqueueMany(many());
    assert(tasks.every(({ isNew }) => isNew));
    calls = 0;
    assert((await note.enqueue("one")).isNew);
    assertEquals(await worker.queueSize(), count + 1);
    isLossy = false;
    await worker.drain();
    assertEquals([runs.length, new Set(runs).size], [count + 1, count + 1]);
  });

  it("sends no more after a call that fails, reports the stored tasks, and sends the rest when it is repeated", async () => {
    let calls = 0;
    const { worker, many, runs } = await withFault((run) => {
      return ++calls === 3 ? Promise.reject(new Error("refused")) : run();
    });
    const requests = many(3000);
    const error = await assertRejects(() => worker.enqueueMany(requests), EnqueueError, "refused");
    const stored = await worker.queueSize();
    assertEquals(error.tasks.length, stored);
    assert(stored > 0 && stored < 2000);
    assertEquals((await worker.enqueueMany(requests)).length, 3000);
    await worker.drain();
    assertEquals([runs.length, new Set(runs).size], [3000, 3000]);
  });

  it("waits no longer and sends no more when the signal of a request is aborted", async () => {
    let calls = 0;
    const controller = new AbortController();
    const { open, opened } = gate();
    const { worker, many, runs } = await withFault(async (run) => {
      if (++calls === 3) controller.abort(new RangeError("enough"));
      if (calls >= 3) await opened;
      return await run();
    });
    const requests = many(3000);
    const last = requests.pop()!.start({ signal: controller.signal });
    const error = await assertRejects(() => worker.enqueueMany([...requests, last]), EnqueueError, "enough");
    assertInstanceOf(error.cause, RangeError);
    assert(error.tasks.length < 2999);
    await assertRejects(async () => await last, RangeError, "enough");
    open();
    assertEquals((await worker.enqueueMany(requests)).length, 2999);
    await worker.drain();
    assertEquals([runs.length, new Set(runs).size], [2999, 2999]);
  });
});
