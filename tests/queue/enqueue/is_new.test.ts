import { after, describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { testsUseRedis } from "../../../scripts/switches.mjs";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { richSerializer } from "../../../src/queue/records/rich_serializer.ts";
import type { Worker } from "../../../src/queue/worker.ts";
import { ConnectionError, createClient, type RedisClient } from "../../../src/redis/mod.ts";
import { behaviour } from "../behaviour.ts";
import { onRedis } from "../brokers.ts";
import { Stage } from "../stage.ts";

function noteOf(worker: Worker) {
  return worker.task((value: number) => value, { name: "note" });
}

behaviour("task.isNew", (stage) => {
  it("is false when a task of this id exists or has finished", async () => {
    const worker = await stage.worker();
    const note = noteOf(worker);
    const enqueue = async (options = {}) => (await note.enqueue(1).start({ id: "a", ...options })).isNew;
    assertEquals([await enqueue(), await enqueue(), await enqueue({ delay: "1h" })], [true, false, false]);
    await worker.run({ burst: true });
    assertEquals(await enqueue(), false);
    const requests = [note.enqueue(2).start({ id: "a" }), note.enqueue(2), note.enqueue(3).start({ id: "b" })];
    assertEquals((await worker.enqueueMany(requests)).map(({ isNew }) => isNew), [false, true, true]);
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("is false for a schedule, and for every task of a pipeline, that exists", async () => {
    const worker = await stage.worker();
    const note = noteOf(worker);
    for (const isNew of [true, false]) {
      const first = note.enqueue(1).start({ id: "first" });
      const second = first.pipe(note);
      assertEquals([(await first).isNew, (await second).isNew], [isNew, isNew]);
      const repeating = await note.enqueue(1).start({ id: "daily", schedule: "@daily" });
      assertEquals(repeating.isNew, isNew);
    }
    await worker.unscheduleById("daily");
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("is true when the same request is sent again and finds its own task", async () => {
    const worker = await stage.worker();
    const note = noteOf(worker);
    const controller = new AbortController();
    const request = note.enqueue(1).start({ id: "a", signal: controller.signal });
    const sending = assertRejects(async () => await request, Error, "impatient");
    await Promise.resolve();
    controller.abort(new Error("impatient"));
    await sending;
    await worker.run({ burst: true });
    request.start({ signal: new AbortController().signal });
    assertEquals((await request).isNew, true);
    assertEquals((await note.enqueue(1).start({ id: "a" })).isNew, false);
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });
});

describe("task.isNew after a lost reply", { skip: !testsUseRedis() }, () => {
  const stage = new Stage(onRedis);
  const clients: RedisClient[] = [];
  after(() => Promise.all(clients.map((client) => client.close())));

  /** A worker whose client loses the next reply to a script as often as `lose` was called. */
  async function setUp(options: WorkerOptions<undefined> = {}) {
    const client = createClient((await stage.broker).server.url);
    clients.push(client);
    let losses = 0;
    const redis = new Proxy(client, {
      get(target, key) {
        const value = Reflect.get(target, key);
        if (key !== "command") return typeof value === "function" ? value.bind(target) : value;
        return async (...args: Parameters<RedisClient["command"]>) => {
          const reply = await target.command(...args);
          if (!String(args[0][0]).startsWith("EVAL") || losses === 0) return reply;
          losses--;
          throw new ConnectionError("LOST", "The connection was lost", { maybeExecuted: true });
        };
      },
    });
    const worker = await stage.worker({ ...options, redis });
    return { worker, note: noteOf(worker), lose: () => void losses++ };
  }

  for (const [what, options] of Object.entries({ "text": {}, "bytes": { serializer: richSerializer } })) {
    it(`is true for the task that this very call has stored, in ${what}`, async () => {
      const { worker, note, lose } = await setUp(options);
      const other = note.enqueue(1).start({ id: "taken" });
      assertEquals((await other).isNew, true);
      lose();
      assertEquals((await note.enqueue(1).start({ id: "a" })).isNew, true);
      lose();
      assertEquals((await note.enqueue(2).start({ id: "taken" })).isNew, false);
      lose();
      const many = [note.enqueue(1).start({ id: "b" }), note.enqueue(2).start({ id: "taken" }), note.enqueue(1)];
      assertEquals((await worker.enqueueMany(many)).map(({ isNew }) => isNew), [true, false, true]);
      for (const isNew of [true, false]) {
        lose();
        assertEquals((await note.enqueue(1).start({ id: "after", after: "b" })).isNew, isNew);
        lose();
        assertEquals((await note.enqueue(1).start({ id: "daily", schedule: "@daily" })).isNew, isNew);
      }
      await worker.unscheduleById("daily");
      await worker.run({ burst: true });
      lose();
      assertEquals((await note.enqueue(1).start({ id: "a" })).isNew, false);
    });
  }
});
