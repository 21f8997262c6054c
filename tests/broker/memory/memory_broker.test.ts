import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { outcomeSize } from "../../../src/broker/memory/budget.ts";
import { MemoryRig, newTasks, takingNew } from "./rig.ts";

/** Leases, starts and finishes all queued tasks. */
async function finishAll(rig: MemoryRig, ttl: number | null, result = "ok"): Promise<void> {
  const consumer = await rig.consumer("worker");
  for (;;) {
    const { deliveries } = await consumer.leasing.read(500, takingNew);
    if (deliveries.length === 0) return;
    await consumer.leasing.start(deliveries);
    const success = result.startsWith("ok");
    await consumer.completing.finish(deliveries.map((delivery) => ({ delivery, success, result, ttl })));
  }
}

describe("MemoryBroker", () => {
  it("keeps a result for its ttl, and reports a task as done for at least a minute", async () => {
    const rig = new MemoryRig();
    const ids = ["ever", "brief", "long", "none"];
    const ttls = [null, 50, 100_000, 0];
    for (const [i, id] of ids.entries()) {
      await rig.broker.publish(newTasks([id]));
      await finishAll(rig, ttls[i]!);
    }
    const states = async () => await Promise.all(ids.map((id) => rig.broker.state(id)));
    assertEquals(await rig.broker.results(ids), ["ok", "ok", "ok", null]);
    assertEquals((await rig.broker.recent(10)).map(([id]) => id), ["long", "brief", "ever"]);
    rig.clock.advance(50);
    assertEquals(await rig.broker.results(ids), ["ok", null, "ok", null]);
    assertEquals((await rig.broker.recent(10)).map(([id]) => id), ["long", "ever"]);
    assertEquals(await states(), ["done", "done", "done", "done"]);
    assertEquals(await rig.broker.publish(newTasks(ids)), ["done", "done", "done", "done"]);
    rig.clock.advance(60_000);
    assertEquals(await states(), ["done", "missing", "done", "missing"]);
    rig.clock.advance(40_000);
    assertEquals(await states(), ["done", "missing", "missing", "missing"]);
    assertEquals(rig.queue.budget.bytes, "ok".length + outcomeSize);
    assertEquals(await rig.broker.publish(newTasks(["brief"])), ["created"]);
    assertEquals(rig.clock.keepsProcess, false);
  });

  it("refuses tasks beyond its limits, and everything else continues", async () => {
    const rig = new MemoryRig({ tasks: 3 });
    const answers = await rig.broker.publish(newTasks(["a", "b", "c", "d", "a"]));
    assertEquals(answers.map(String), [
      "created",
      "created",
      "created",
      "StreaqError: The queue in memory is full: it holds at most 3 tasks",
      "exists",
    ]);
    const [next] = newTasks(["f"]);
    const [piped] = await rig.broker.publish(newTasks(["e"], { next }));
    assert(piped instanceof StreaqError);
    await finishAll(rig, 60_000);
    assertEquals(await rig.broker.publish(newTasks(["e"], { next })), ["created"]);
    assertEquals(await rig.broker.size({ includeScheduled: true }), 2);
  });

  it("counts the bytes of records, inputs and results until they are removed", async () => {
    const rig = new MemoryRig({ bytes: 1000 });
    const large = { data: "x".repeat(400) };
    const answers = await rig.broker.publish(newTasks(["a", "b", "c"], large));
    assertEquals(answers.slice(0, 2), ["created", "created"]);
    assertStringIncludes(String(answers[2]), "1000 bytes");
    await finishAll(rig, 60_000, "ok".padEnd(500));
    assertEquals(rig.queue.budget.bytes, 2 * (500 + outcomeSize));
    const schedule = {
      name: "job",
      isStatic: true,
      expression: "@daily",
      timeZone: "UTC",
      priority: "low",
      data: "",
    };
    await assertRejects(
      () => rig.broker.schedule(schedule, { taskId: "next", data: "", time: 0 }),
      StreaqError,
      "full",
    );
    rig.clock.advance(60_000);
    assertEquals(rig.queue.budget.bytes, 0);
    assertEquals(await rig.broker.publish(newTasks(["c"], large)), ["created"]);
  });

  it("copies bytes when they are stored and when they are read", async () => {
    const rig = new MemoryRig({ binary: true });
    const data = Uint8Array.of(1, 2, 3);
    await rig.broker.publish(newTasks(["a"], { data }));
    data.fill(0);
    const found = (await rig.broker.find("a", { relatives: 0 }))?.data as Uint8Array;
    assertEquals([...found], [1, 2, 3]);
    found.fill(0);
    const consumer = await rig.consumer("worker");
    const [start] = await consumer.leasing.start((await consumer.leasing.read(1, takingNew)).deliveries);
    assertEquals(start, { ...(start as object), data: Uint8Array.of(1, 2, 3) } as typeof start);
  });

  it("releases or fails 200,000 dependents in many short steps", async () => {
    for (const result of ["ok", "no"]) {
      const rig = new MemoryRig();
      await rig.broker.publish(newTasks(["first"]));
      const ids = Array.from({ length: 200_000 }, (_, i) => `${i}`);
      await rig.broker.publish(newTasks(ids, { after: ["first"] }));
      await finishAll(rig, 60_000, result);
      const consumer = await rig.consumer("fan-out");
      let [settled, longest, unfinished] = [0, 0, true];
      while (unfinished) {
        const start = performance.now();
        const report = await consumer.completing.fanOut();
        longest = Math.max(longest, performance.now() - start);
        settled += report.released + report.failed;
        unfinished = report.unfinished;
      }
      assertEquals([settled, rig.queue.dependencies.isListed], [200_000, false]);
      assert(longest < 500, `one step took ${longest} ms`);
      assertEquals(await rig.broker.state("199999"), result === "ok" ? "queued" : "done");
      assertEquals((await rig.broker.recent(1))[0]?.[1].toString().includes("first"), result === "no");
    }
  });

  it("fails all direct and indirect dependents of an aborted task, and names that task in each failure", async () => {
    const rig = new MemoryRig();
    await rig.broker.publish([
      ...newTasks(["a"]),
      ...newTasks(["b"], { after: ["a"] }),
      ...newTasks(["c"], { after: ["b"], next: newTasks(["d"])[0] }),
    ]);
    const waiting = rig.broker.result("d");
    assertEquals((await rig.broker.find("b", { relatives: 9 }))?.dependents, ["c"]);
    await rig.broker.abort({ taskId: "a", result: "aborted", ttl: 0, mark: "mark" });
    assertEquals(await waiting, "failed d d a");
    assertEquals(await rig.broker.results(["a", "b", "c"]), [null, "failed b b a", "failed c c a"]);
    assertEquals((await rig.broker.publish(newTasks(["e"], { after: ["d"] }))).map(String), ["created"]);
    assertEquals(await rig.broker.results(["e"]), ["failed e e a"]);
    const [unknown] = await rig.broker.publish(newTasks(["f"], { after: ["missing"] }));
    assertStringIncludes(String(unknown), "unknown");
    assertEquals(rig.queue.budget.tasks, 0);
  });

  it("pipes the output of a task into the next one", async () => {
    const rig = new MemoryRig();
    await rig.broker.publish(newTasks(["a"], { next: newTasks(["b"], { priority: "high" })[0] }));
    const consumer = await rig.consumer("worker");
    const { deliveries } = await consumer.leasing.read(2, takingNew);
    const [delivery] = deliveries;
    const output = { next: "b", input: "from a" };
    await consumer.leasing.start(deliveries);
    await consumer.completing.finish([{ delivery: delivery!, success: true, result: "ok", ttl: 0, output }]);
    const [start] = await consumer.leasing.start((await consumer.leasing.read(2, takingNew)).deliveries);
    assertEquals(typeof start === "object" && [start.data, start.input], ["b", "from a"]);
  });

  it("close() rejects waits for results, and every later call rejects", async () => {
    const rig = new MemoryRig();
    await rig.broker.publish(newTasks(["a"]));
    const waiting = rig.broker.result("a");
    const rejected = assertRejects(() => waiting, StreaqError, "closed");
    await rig.broker.close();
    await rejected;
    await assertRejects(() => rig.broker.publish(newTasks(["b"])), StreaqError, "closed");
    await assertRejects(() => rig.broker.state("a"), StreaqError, "closed");
    assertThrows(() => rig.broker.redis, StreaqError, "the queue is in memory");
  });

  it("result() rejects when its signal is aborted, and returns null for a task that is withdrawn", async () => {
    const rig = new MemoryRig();
    const schedule = {
      name: "job",
      isStatic: true,
      expression: "@daily",
      timeZone: "UTC",
      priority: "low",
      data: "",
    };
    const time = rig.clock.now() + 1000;
    assertEquals(await rig.broker.schedule(schedule, { taskId: "next", data: "", time }), "created");
    const stop = new AbortController();
    const cancelled = assertRejects(() => rig.broker.result("next", { signal: stop.signal }), Error, "cancelled");
    const waiting = rig.broker.result("next");
    stop.abort(new Error("cancelled"));
    await cancelled;
    assertEquals(await rig.broker.unschedule("job", { withdraw: true }), true);
    assertEquals([await waiting, await rig.broker.state("next"), rig.queue.budget.bytes], [null, "missing", 0]);
  });
});
