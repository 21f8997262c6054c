import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { Batch } from "../../src/base/batch.ts";

describe("Batch.add()", () => {
  it("handles the items of one turn in one call", async () => {
    const calls: number[][] = [];
    const batch = new Batch<number, number>((items) => {
      calls.push(items);
      return Promise.resolve(items.map((item) => item * 2));
    }, 100);
    const later = Promise.resolve().then(() => batch.add(3));
    assertEquals(await Promise.all([batch.add(1), batch.add(2), later]), [2, 4, 6]);
    assertEquals(calls, [[1, 2, 3]]);
    assertEquals(await batch.add(4), 8);
  });

  it("splits items that exceed the limit", async () => {
    const sizes: number[] = [];
    const batch = new Batch<number, number>((items) => {
      sizes.push(items.length);
      return Promise.resolve(items);
    }, 2);
    assertEquals(await Promise.all([1, 2, 3, 4, 5].map((item) => batch.add(item))), [1, 2, 3, 4, 5]);
    assertEquals(sizes, [2, 2, 1]);
  });

  it("rejects every item of a call that fails, and handles later ones", async () => {
    let fails = true;
    const batch = new Batch<number, number>(
      (items) => fails ? Promise.reject(new RangeError("no")) : Promise.resolve(items),
      10,
    );
    const [a, b] = [batch.add(1), batch.add(2)];
    await assertRejects(() => a, RangeError);
    await assertRejects(() => b, RangeError);
    fails = false;
    assertEquals(await batch.add(3), 3);
  });
});
