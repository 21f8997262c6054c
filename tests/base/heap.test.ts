import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Heap, type Heaped } from "../../src/base/heap.ts";

interface Item extends Heaped {
  readonly value: number;
}

function valuesOf(items: Iterable<Item>): number[] {
  return Array.from(items, ({ value }) => value);
}

/** Numbers to add, and after some of them which item to remove. */
const operations = fc.array(fc.record({ value: fc.nat(50), removes: fc.option(fc.nat(), { freq: 2 }) }));

describe("Heap", () => {
  it("keeps its items in order, whatever is added and removed", () => {
    fc.assert(fc.property(operations, (steps) => {
      const heap = new Heap<Item>((a, b) => a.value < b.value);
      const items: Item[] = [];
      for (const { value, removes } of steps) {
        const item = { value, heapIndex: 0 };
        heap.push(item);
        items.push(item);
        if (removes !== null) heap.remove(items.splice(removes % items.length, 1)[0]!);
        const sorted = valuesOf(items).sort((a, b) => a - b);
        assertEquals([heap.size, heap.peek()?.value, valuesOf(heap.inOrder())], [items.length, sorted[0], sorted]);
      }
    }));
  });
});
