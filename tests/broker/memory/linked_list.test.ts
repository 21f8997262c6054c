import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Linked, LinkedList } from "../../../src/broker/memory/linked_list.ts";

interface Item extends Linked<Item> {
  readonly value: number;
}

/** Values to append, each with an optional index of an item to remove afterwards. */
const operations = fc.array(fc.record({ value: fc.nat(50), removes: fc.option(fc.nat(), { freq: 2 }) }));

describe("LinkedList", () => {
  it("keeps its items in the order in which they were appended, whichever are removed", () => {
    fc.assert(fc.property(operations, (steps) => {
      const list = new LinkedList<Item>();
      const items: Item[] = [];
      for (const { value, removes } of steps) {
        const item: Item = { value, previous: null, next: null };
        list.push(item);
        items.push(item);
        if (removes !== null) list.remove(items.splice(removes % items.length, 1)[0]!);
        const values = items.map(({ value }) => value);
        assertEquals([list.first?.value, [...list].map(({ value }) => value)], [values[0], values]);
      }
    }));
  });
});
