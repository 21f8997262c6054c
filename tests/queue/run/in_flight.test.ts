import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import type { Delivery } from "../../../src/broker/contract/delivery.ts";
import { InFlight } from "../../../src/queue/run/in_flight.ts";

function deliveryOf(entryId: string, options: Partial<Delivery> = {}): Delivery {
  const rest = { priority: "low", deliveries: 1, isQuarantined: false, enqueueTime: 0 };
  return { taskId: `task ${entryId}`, entryId, ...rest, ...options };
}

function newInFlight(): { inFlight: InFlight; freed: string[] } {
  const freed: string[] = [];
  const inFlight = new InFlight({
    priorities: ["low", "high"],
    onMove: ({ delivery }, freesSlot) => freesSlot && freed.push(delivery.entryId),
  });
  return { inFlight, freed };
}

describe("InFlight", () => {
  it("start() gives slots to what was taken over first, then to the highest priority, oldest first", () => {
    const { inFlight } = newInFlight();
    inFlight.add([
      deliveryOf("1"),
      deliveryOf("2"),
      deliveryOf("3", { priority: "high" }),
      deliveryOf("4", { deliveries: 2 }),
    ], 0);
    assertEquals(inFlight.start(3).map(({ delivery }) => delivery.entryId), ["4", "3", "1"]);
    assertEquals([inFlight.running, inFlight.buffered, inFlight.size], [3, 1, 4]);
  });

  it("add() keeps an entry that is in flight, with the newer lease", () => {
    const { inFlight } = newInFlight();
    const [first, again] = [deliveryOf("1"), deliveryOf("1", { deliveries: 2 })];
    assertEquals(inFlight.add([first], 0), 1);
    const [execution] = inFlight.start(1);
    assertEquals(inFlight.add([again], 0), 0);
    assertEquals([inFlight.size, inFlight.buffered, inFlight.leased()], [1, 0, [again]]);
    assertEquals([inFlight.find(first), inFlight.find(again)], [undefined, execution]);
  });

  it("keeps the slot of a function that has not settled, and the lease until the outcome is stored", () => {
    const { inFlight, freed } = newInFlight();
    inFlight.add([deliveryOf("1"), deliveryOf("2")], 0);
    const [slow, quick] = inFlight.start(2) as [ReturnType<InFlight["start"]>[0], ReturnType<InFlight["start"]>[0]];
    for (const execution of [slow, quick]) {
      inFlight.move(execution, "running");
      inFlight.conclude(execution);
    }
    assertEquals([inFlight.lingering, inFlight.leased().length], [2, 2]);
    inFlight.vacate(quick);
    inFlight.settle(slow);
    assertEquals([quick.state, slow.state, freed, inFlight.leased().length], ["settling", "lingering", ["2"], 1]);
    inFlight.settle(quick);
    inFlight.vacate(slow);
    assertEquals([quick.state, slow.state, freed, inFlight.isEmpty], ["gone", "gone", ["2", "1"], true]);
    inFlight.move(slow, "running");
    assertEquals(slow.state, "gone");
  });

  it("ran() leaves out deliveries whose function was not called", () => {
    const { inFlight } = newInFlight();
    const deliveries = ["1", "2", "3", "4", "5", "6"].map((entryId) => deliveryOf(entryId));
    inFlight.add(deliveries, 0);
    const [, preparing, called, concluded, settling] = inFlight.start(5);
    for (const execution of [called, concluded, settling]) inFlight.move(execution!, "running");
    inFlight.move(preparing!, "preparing");
    for (const execution of [concluded, settling]) inFlight.conclude(execution!);
    inFlight.vacate(settling!);
    assertEquals(inFlight.ran(), deliveries.slice(2, 5));
    assertEquals(inFlight.leased(), deliveries);
  });

  it("knows whether a quarantined task may still crash the process", () => {
    const { inFlight } = newInFlight();
    inFlight.add([deliveryOf("1", { deliveries: 3, isQuarantined: true }), deliveryOf("2")], 0);
    const [execution] = inFlight.start(1);
    assertEquals(inFlight.hasQuarantined, true);
    inFlight.conclude(execution!);
    assertEquals(inFlight.hasQuarantined, true);
    inFlight.vacate(execution!);
    assertEquals([inFlight.hasQuarantined, inFlight.size], [false, 2]);
  });
});
