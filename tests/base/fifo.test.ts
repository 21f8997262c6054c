import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { Fifo } from "../../src/base/fifo.ts";

describe("Fifo", () => {
  it("returns items in the order in which they were added", () => {
    const fifo = new Fifo<number>();
    for (let i = 0; i < 3; i++) fifo.push(i);
    assertEquals([fifo.peek(), fifo.shift(), fifo.shift(), fifo.size, fifo.shift(), fifo.shift()], [
      0,
      0,
      1,
      1,
      2,
      undefined,
    ]);
  });

  it("keeps the order while its array is shortened", () => {
    const fifo = new Fifo<number>();
    let [next, expected] = [0, 0];
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 700; i++) fifo.push(next++);
      for (let i = 0; i < 650; i++) assertEquals(fifo.shift(), expected++);
    }
    assertEquals(fifo.size, next - expected);
    assertEquals(fifo.drain(), Array.from({ length: next - expected }, (_, i) => expected + i));
    assertEquals(fifo.size, 0);
  });
});
