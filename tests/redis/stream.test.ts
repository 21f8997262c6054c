import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { SlowConsumerError } from "../../src/redis/mod.ts";
import { BoundedStream } from "../../src/redis/stream.ts";

const end = { value: undefined, done: true } as const;

describe("BoundedStream", () => {
  it("yields values in order, to waiting calls of next() and from the buffer", async () => {
    const stream = new BoundedStream<number>({}, () => {});
    const [one, two] = [stream.next(), stream.next()];
    for (const value of [1, 2, 3, 4]) stream.push(value);
    const values = [await one, await two, await stream.next(), await stream.next()].map(({ value }) => value);
    assertEquals(values, [1, 2, 3, 4]);
  });

  it("yields buffered values after its end", async () => {
    const stream = new BoundedStream<string>({}, () => {});
    stream.push("");
    stream.end();
    stream.push("late");
    assertEquals(await stream.next(), { value: "", done: false });
    assertEquals(await stream.next(), end);
  });

  it("yields buffered values after its failure, and then rejects once", async () => {
    const stream = new BoundedStream<number>({}, () => {});
    stream.push(1);
    stream.end({ reason: new Error("broken") });
    assertEquals(await stream.next(), { value: 1, done: false });
    await assertRejects(() => stream.next(), Error, "broken");
    assertEquals(await stream.next(), end);
  });

  it("rejects the first waiting call of next() after its failure, and ends the others", async () => {
    const stream = new BoundedStream<number>({}, () => {});
    const [one, two] = [stream.next(), stream.next()];
    stream.end({ reason: new Error("broken") });
    await assertRejects(() => one, Error, "broken");
    assertEquals(await two, end);
  });

  it("fails when its buffer is full", async () => {
    let ended = 0;
    const stream = new BoundedStream<number>({ buffer: 2 }, () => void ended++);
    for (const value of [1, 2, 3, 4]) stream.push(value);
    assertEquals([ended, stream.open], [1, false]);
    assertEquals([(await stream.next()).value, (await stream.next()).value], [1, 2]);
    await assertRejects(() => stream.next(), SlowConsumerError, "2");
    assertEquals(await stream.next(), end);
  });

  it("drops buffered values when its consumer returns or its signal is aborted", async () => {
    const returned = new BoundedStream<number>({}, () => {});
    returned.push(1);
    assertEquals(await returned.return(), end);
    assertEquals(await returned.next(), end);

    const controller = new AbortController();
    const aborted = new BoundedStream<number>({ signal: controller.signal }, () => {});
    aborted.push(1);
    controller.abort(new Error("enough"));
    await assertRejects(() => aborted.next(), Error, "enough");
    assertEquals(await aborted.next(), end);
  });

  it("reports its end once", () => {
    let ended = 0;
    const controller = new AbortController();
    const stream = new BoundedStream<number>({ signal: controller.signal }, () => void ended++);
    stream.end();
    stream.end({ reason: new Error("x") });
    void stream.return();
    controller.abort();
    assertEquals(ended, 1);
  });

  it("refuses a buffer without room for a value", () => {
    for (const buffer of [0, -1, 0.5, NaN]) {
      assertThrows(() => new BoundedStream({ buffer }, () => {}), RangeError, `${buffer}`);
    }
  });
});
