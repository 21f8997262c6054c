import { it } from "node:test";
import process from "node:process";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { settled } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, nextTurn, running } from "../stage.ts";

behaviour("a custom serializer", (stage) => {
  /** A serializer of bytes that are not text. */
  const inverted = {
    serialize: (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).map((byte) => ~byte),
    deserialize: (data: Uint8Array) => JSON.parse(new TextDecoder().decode(data.map((byte) => ~byte))),
  };

  it("can write arguments, results and failures as bytes", async () => {
    const worker = await stage.worker({ serializer: inverted });
    const half = worker.task((value: number) => {
      if (value % 2) throw new RangeError("odd");
      return { half: value / 2 };
    }, { name: "half" });
    const tasks = await worker.enqueueMany([half.enqueue(4), half.enqueue(3)]);
    assertEquals((await tasks[0].info())?.args, [4]);
    const waiting = Promise.all(tasks.map((task) => task.result()));
    await worker.run({ burst: true });
    for (const [good, bad] of [await waiting, await Promise.all(tasks.map((task) => task.result()))]) {
      assertEquals(good!.result, { half: 2 });
      assertEquals(bad!.exception!.message, "odd");
    }
    await stage.assertClean(worker);
  });

  it("does not keep a task from finishing if it throws for every result", async () => {
    const serialize = (value: unknown) => {
      if (typeof value === "object" && value !== null && "s" in value) throw new Error("not today");
      return inverted.serialize(value);
    };
    const worker = await stage.worker({ serializer: { ...inverted, serialize } });
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    await worker.run({ burst: true });
    await assertRejects(() => task.result(), StreaqError, task.id);
    await stage.assertClean(worker);
  });

  it("fails a task if it cannot read its record", async () => {
    let isBroken = false;
    const worker = await stage.worker({
      serializer: {
        serialize: (value) => JSON.stringify(value),
        deserialize: (data) => {
          const value = JSON.parse(new TextDecoder().decode(data));
          if (isBroken && "a" in value) throw new Error("not today");
          return value;
        },
      },
    });
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    isBroken = true;
    await worker.run({ burst: true });
    assertStringIncludes((await task.result()).exception!.message, "the serializer cannot deserialise it");
  });

  it("is refused when it cannot read the arguments that it has written", async () => {
    const worker = await stage.worker({ serializer: { ...inverted, serialize: JSON.stringify } });
    const request = worker.task(() => 1, { name: "one" }).enqueue();
    await assertRejects(() => request, StreaqError, "cannot deserialise them again");
    await stage.assertClean(worker);
  });
});

behaviour("user code", (stage) => {
  it("can throw errors whose stack is not a string, which are logged", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const thrown: unknown[] = [
      proxy,
      Object.assign(new Error("one"), { stack: ["a", "b"] }),
      Object.defineProperty(new Error("two"), "stack", {
        get: () => {
          throw new Error("gotcha");
        },
      }),
    ];
    const fail = worker.task((i: number) => {
      throw thrown[i];
    }, { name: "fail" });
    await worker.enqueueMany([fail.enqueue(0), fail.enqueue(1), fail.enqueue(2)]);
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    await worker.run({ burst: true });
    await nextTurn();
    process.off("unhandledRejection", note);
    assertEquals([unhandled, lines.with("×").length], [[], 3]);
  });

  it("cannot forge a line of the log by an id or an error", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const forged = "1\n[INFO] 2026-11-23 09:14:35: paid\x1b[2J";
    const fail = worker.task(() => {
      throw new Error(forged);
    }, { name: "fail" });
    await fail.enqueue().start({ id: forged });
    await worker.run({ burst: true });
    assert(lines.with("×").length === 1 && lines.with("paid").length >= 2);
    for (const line of lines.with("paid")) assert(!line.includes("\n[") && !line.includes("\x1b"), line);
  });

  it("can bring a logger that throws, and its tasks still finish", async () => {
    const fail = () => {
      throw new Error("disk full");
    };
    const worker = await stage.worker({ logger: { debug: fail, info: fail, warn: fail, error: fail } });
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    assertEquals(await settled(worker.run({ burst: true }), 3000), "resolved");
    assertEquals((await task.result()).result, 1);
  });

  it("can bring a serializer that returns undefined for one result, and the other results are stored", async () => {
    const worker = await stage.worker({
      serializer: {
        serialize(value) {
          const text = JSON.stringify(value);
          return /"r":"nothing"|"s":false/.test(text) ? undefined as unknown as string : text;
        },
        deserialize: (data) => JSON.parse(new TextDecoder().decode(data)),
      },
    });
    const echo = worker.task((text: string) => text, { name: "echo" });
    const tasks = await worker.enqueueMany(["good", "nothing", "good"].map((text) => echo.enqueue(text)));
    const run = running(worker);
    const results = await Promise.all(tasks.map((task) => task.result({ timeout: "3s" })));
    assertEquals(results.map(({ success }) => success), [true, false, true]);
    await run.stop();
  });

  it("can send a first batch that is larger than the buffer of the connection", async () => {
    const worker = await stage.worker();
    const job = worker.task((_text: string) => {}, { name: "job" });
    const text = "x".repeat(1_000_000);
    const tasks = await worker.enqueueMany(Array.from({ length: 70 }, () => job.enqueue(text)));
    assertEquals(await tasks[69]!.status(), "queued");
  });
});
