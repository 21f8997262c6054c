import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import type { Delivery } from "../../../src/broker/contract/delivery.ts";
import type { QueueEvent } from "../../../src/broker/contract/membership.ts";
import { MemoryRig, newTasks, statusOf, takingNew, takingOver } from "./rig.ts";

function idsOf(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ taskId }) => taskId);
}

describe("MemoryConsumer", () => {
  it("read() takes over a task whose lease was not renewed for idleTimeout, and its former worker loses the lease", async () => {
    const rig = new MemoryRig();
    const [one, two] = [await rig.consumer("one"), await rig.consumer("two")];
    await rig.broker.publish(newTasks(["a", "b"]));
    const { deliveries } = await one.leasing.read(2, takingNew);
    await one.leasing.start(deliveries);
    rig.clock.advance(900);
    await one.membership.renew(deliveries.slice(1), statusOf("one"));
    rig.clock.advance(99);
    assertEquals((await two.leasing.read(2, takingOver)).deliveries, []);
    rig.clock.advance(1);
    const { deliveries: taken } = await two.leasing.read(2, takingOver);
    assertEquals(taken.map(({ taskId, deliveries }) => [taskId, deliveries]), [["a", 2]]);
    assertEquals(idsOf((await one.membership.renew(deliveries, statusOf("one"))).lost), ["a"]);
    const [start] = await two.leasing.start(taken);
    assertEquals(typeof start === "object" && [start.tries, start.crashes, start.isFirst], [2, 1, false]);
  });

  it("read() takes over no lease before the largest idleTimeout of the living workers has passed", async () => {
    const rig = new MemoryRig();
    const short = await rig.consumer("short", 1000);
    const long = await rig.consumer("long", 5000);
    await rig.broker.publish(newTasks(["a"]));
    await long.leasing.read(1, takingNew);
    rig.clock.advance(4999);
    assertEquals((await short.membership.renew([], statusOf("short"))).hasPending, true);
    assertEquals((await short.leasing.read(1, takingOver)).deliveries, []);
    rig.clock.advance(1);
    assertEquals(idsOf((await short.leasing.read(1, takingOver)).deliveries), ["a"]);
  });

  it("read() does not take over a task that is in flight in its own worker, even if the lease was lost and released", async () => {
    const rig = new MemoryRig();
    const [one, two] = [await rig.consumer("one"), await rig.consumer("two")];
    await rig.broker.publish(newTasks(["a", "b"]));
    const { deliveries: inFlight } = await one.leasing.read(2, takingNew);
    rig.clock.advance(1000);
    assertEquals((await one.leasing.read(2, { ...takingOver, inFlight })).deliveries, []);
    await two.completing.release((await two.leasing.read(1, takingOver)).deliveries);
    assertEquals((await one.leasing.read(2, { ...takingOver, inFlight })).deliveries, []);
    assertEquals(idsOf((await one.leasing.read(2, takingOver)).deliveries), ["a", "b"]);
  });

  it("read() takes over a task behind many that are in flight here or quarantined", async () => {
    const rig = new MemoryRig();
    const [one, two] = [await rig.consumer("one"), await rig.consumer("two")];
    const quarantined = Array.from({ length: 11_000 }, (_, n) => `quarantined-${n}`);
    await rig.broker.publish(newTasks(quarantined));
    for (const consumer of [one, two, one]) {
      const all = { takeover: "first", inFlight: [], quarantined: Infinity } as const;
      await consumer.leasing.start((await consumer.leasing.read(quarantined.length, all)).deliveries);
      rig.clock.advance(1000);
    }
    await rig.broker.publish(newTasks(["plain"]));
    await one.leasing.read(1, takingNew);
    rig.clock.advance(1000);
    const { deliveries, passedOver } = await two.leasing.read(1, { ...takingOver, quarantined: 0 });
    assertEquals([idsOf(deliveries), passedOver], [["plain"], true]);
  });

  it("read() takes over up to count tasks in the order of the queue, and reports that there are more", async () => {
    const rig = new MemoryRig();
    const [one, two] = [await rig.consumer("one"), await rig.consumer("two")];
    await rig.broker.publish(newTasks(["a", "b", "c"]));
    await rig.broker.publish(newTasks(["d"], { priority: "high" }));
    const { deliveries } = await one.leasing.read(4, takingNew);
    await one.completing.release(deliveries.filter(({ taskId }) => taskId === "b"));
    rig.clock.advance(1000);
    const first = await two.leasing.read(3, takingOver);
    assertEquals([idsOf(first.deliveries), first.unfinished], [["d", "a", "b"], true]);
    const rest = await two.leasing.read(3, { ...takingOver, takeover: "continue" });
    assertEquals([idsOf(rest.deliveries), rest.unfinished], [["c"], false]);
  });

  it("release() keeps the position of a task in the queue and costs no try", async () => {
    const rig = new MemoryRig();
    const one = await rig.consumer("one");
    await rig.broker.publish(newTasks(["a", "b", "c"]));
    const { deliveries } = await one.leasing.read(2, takingNew);
    await one.leasing.start(deliveries);
    await one.completing.release(deliveries);
    assertEquals(await one.leasing.start(deliveries), ["lost", "lost"]);
    const listed = await rig.broker.list("queued", { limit: 10 });
    assertEquals(listed.map(({ taskId, tries }) => [taskId, tries]), [["a", 0], ["b", 0], ["c", 0]]);
    const again = await one.leasing.read(3, takingOver);
    assertEquals(idsOf(again.deliveries), ["a", "b", "c"]);
    const starts = await one.leasing.start(again.deliveries);
    assertEquals(starts.map((start) => typeof start === "object" && [start.tries, start.isFirst]), [
      [1, false],
      [1, false],
      [1, true],
    ]);
  });

  it("start() returns ended for a task that was aborted after it was leased", async () => {
    const rig = new MemoryRig();
    const one = await rig.consumer("one");
    await rig.broker.publish(newTasks(["a"]));
    const { deliveries } = await one.leasing.read(1, takingNew);
    assertEquals(await rig.broker.abort({ taskId: "a", result: "aborted", ttl: null, mark: "mark" }), true);
    assertEquals((await one.membership.renew(deliveries, statusOf("one"))).lost, []);
    assertEquals(await one.leasing.start(deliveries), ["ended"]);
    assertEquals(await one.leasing.start(deliveries), ["ended"]);
    assertEquals(await rig.broker.abort({ taskId: "a", result: "aborted", ttl: null, mark: "mark" }), true);
    assertEquals(await rig.broker.abort({ taskId: "a", result: "aborted", ttl: null, mark: "other" }), false);
  });

  it("wait() leases tasks to the worker that has waited longest, and ends after its time, by wake() and by leave()", async () => {
    const rig = new MemoryRig();
    const [one, two] = [await rig.consumer("one"), await rig.consumer("two")];
    const waits = [one.leasing.wait(2, 1000, { slots: 1 }), two.leasing.wait(2, 1000, { slots: 0 })];
    await rig.broker.publish(newTasks(["a", "b", "c"]));
    const [first, second] = await Promise.all(waits);
    assertEquals([idsOf(first!.deliveries), idsOf(second!.deliveries)], [["a", "b"], ["c"]]);
    const timedOut = one.leasing.wait(1, 1000, { slots: 0 });
    rig.clock.advance(1000);
    assertEquals((await timedOut).deliveries, []);
    const woken = one.leasing.wait(1, 1000, { slots: 0 });
    one.leasing.wake();
    assertEquals((await woken).deliveries, []);
    const left = one.leasing.wait(1, 1000, { slots: 0 });
    const published = rig.broker.publish(newTasks(["d"]));
    await one.membership.leave(statusOf("one"), []);
    assertEquals((await left).deliveries, []);
    await published;
    assertEquals([await rig.broker.state("d"), rig.clock.keepsProcess], ["queued", false]);
  });

  it("leave() releases all leases, and deliveries that ran have spent their try", async () => {
    const rig = new MemoryRig();
    const [one, two] = [await rig.consumer("one"), await rig.consumer("two")];
    await rig.broker.publish(newTasks(["a", "b"]));
    const { deliveries } = await one.leasing.read(2, takingNew);
    await one.leasing.start(deliveries);
    await one.membership.leave(statusOf("one"), deliveries.slice(0, 1));
    const { deliveries: taken } = await two.leasing.read(2, takingOver);
    const starts = await two.leasing.start(taken);
    assertEquals(starts.map((start) => typeof start === "object" && start.tries), [2, 1]);
  });

  it("take() locks a function for idleTimeout, and lets only another run of the same task take the lock over", async () => {
    const rig = new MemoryRig();
    const one = await rig.consumer("one");
    const [first, again, other] = [["a", "1"], ["a", "2"], ["b", "3"]].map(([taskId, token]) => {
      return { fnName: "fn", taskId: taskId!, token: token!.repeat(32) };
    }) as [Lock, Lock, Lock];
    assertEquals([await one.locking.take(first), await one.locking.take(other), await one.locking.take(again)], [
      null,
      "a",
      null,
    ]);
    assertEquals([await one.locking.extend([first]), await one.locking.extend([again])], [[first], []]);
    await one.locking.release(first);
    assertEquals(await one.locking.take(other), "a");
    rig.clock.advance(1000);
    assertEquals([await one.locking.take(other), await one.locking.extend([again])], [null, [again]]);
    await one.locking.release(other);
    assertEquals(rig.queue.locks.size, 0);
  });

  it("onEvent() delivers each event once, after the code that caused it has returned", async () => {
    const rig = new MemoryRig();
    const one = await rig.consumer("one");
    const heard: QueueEvent[] = [];
    const stop = one.membership.onEvent((event) => void heard.push(event));
    const published = rig.broker.publish([5000, 1000, 3000].map((due, i) => ({ ...newTasks([`${i}`])[0]!, due })));
    assertEquals(heard, []);
    await published;
    assertEquals(heard.splice(0), [{ kind: "due", ms: 1000 }]);
    await rig.broker.abort({ taskId: "1", result: "aborted", ttl: null, mark: "mark" });
    assertEquals(heard.splice(0), [{ kind: "aborted", taskId: "1" }]);
    stop();
    await rig.consumer("two");
    assertEquals(heard, []);
  });
});

interface Lock {
  fnName: string;
  taskId: string;
  token: string;
}
