import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { inSlices } from "../../../src/queue/enqueue/slices.ts";
import { gate } from "../../support/promises.ts";
import { nextTurn } from "../stage.ts";

const items = Array.from({ length: 2001 }, (_, i) => i);

describe("inSlices()", () => {
  it("sends every item once, in order", async () => {
    const sent: number[] = [];
    const starts: number[] = [];
    const unsent = await inSlices(items, (slice, start) => {
      sent.push(...slice);
      starts.push(start);
      return Promise.resolve(true);
    });
    assertEquals([sent, unsent], [items, []]);
    assertEquals(starts.map((start) => sent[start]), starts);
    assertEquals(await inSlices([], () => Promise.resolve(true)), []);
  });

  it("has a limited number of slices on their way, and starts the next when the oldest arrives", async () => {
    const gates: ReturnType<typeof gate>[] = [];
    const sending = inSlices(items, async () => {
      gates.push(gate());
      await gates.at(-1)!.opened;
      return true;
    });
    await nextTurn();
    const limit = gates.length;
    assert(limit > 1 && limit < 16);
    gates[0]!.open();
    await nextTurn();
    assertEquals(gates.length, limit + 1);
    while (gates.length < 17) {
      for (const { open } of gates) open();
      await nextTurn();
    }
    for (const { open } of gates) open();
    assertEquals(await sending, []);
  });

  it("sends no more when a slice says so, waits for those on their way, and returns the rest", async () => {
    let arrived = 0;
    let started = 0;
    const unsent = await inSlices(items, async () => {
      const index = started++;
      await nextTurn();
      arrived++;
      return index !== 1;
    });
    assertEquals(arrived, started);
    assertEquals(unsent, items.slice(items.length - unsent.length));
    assert(unsent.length > 0);
  });
});
