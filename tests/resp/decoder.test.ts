import { assert, assertEquals, assertInstanceOf, assertLess, assertStrictEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { Decoder } from "../../src/resp/decoder.ts";
import type { Reply } from "../../src/resp/reply.ts";
import { type Case, CASES } from "./cases.ts";
import { decode, Recorder } from "./decode.ts";
import { showReply } from "./show_reply.ts";

describe("Decoder.push()", () => {
  for (const each of CASES) {
    for (const binary of [false, true]) {
      it(`${each.name}, as ${binary ? "bytes" : "text"}`, () => {
        const expected = { shown: shown(each, binary), asked: each.text.length, idle: true, error: undefined };
        assertEquals(outcome(each.wire, binary), expected, "whole");
        assertEquals(outcome(each.wire, binary, [1]), expected, "byte by byte");
        for (let at = 1; at < each.wire.length; at++) {
          assertEquals(outcome(each.wire, binary, [at, each.wire.length]), expected, `cut at ${at}`);
        }
      });
    }
  }

  it("reads all cases in one chunk, in order", () => {
    const wire = CASES.map((each) => each.wire).join("");
    for (const binary of [false, true]) {
      const expected = CASES.flatMap((each) => shown(each, binary));
      assertEquals(decode(wire, { binary }).shown, expected);
      for (const length of [2, 3, 7, 64, 1000]) {
        assertEquals(decode(wire, { binary, chunks: [length] }).shown, expected);
      }
    }
  });

  it("reads any view of a buffer, and no byte outside of it", () => {
    const memory = new TextEncoder().encode(":9\r\n$5\r\nhello\r\n:9\r\n");
    const chunk = memory.subarray(4, 15);
    for (const view of [chunk, Buffer.from(memory.buffer, 4, 11), new Uint8Array(chunk)]) {
      const recorder = new Recorder();
      new Decoder(recorder).push(view);
      assertEquals(recorder.values, ["hello"]);
    }
  });

  it("ignores empty chunks", () => {
    const recorder = new Recorder();
    const decoder = new Decoder(recorder);
    for (const piece of ["", ":", "", "1", "", "\r", "", "\n", ""]) decoder.push(Buffer.from(piece));
    assertEquals(recorder.values, [1]);
  });

  it("returns bytes as Uint8Array, not Buffer, with a buffer of the same size", () => {
    for (const chunks of [[1000], [10]]) {
      const wire = "*5\r\n$5\r\nhello\r\n$0\r\n\r\n=7\r\ntxt:abc\r\n$?\r\n;3\r\nabc\r\n;0\r\n$100\r\n" +
        "x".repeat(100) + "\r\n";
      const [values] = decode(wire, { binary: true, chunks }).values as Uint8Array[][];
      assertEquals(values!.map((value) => value.buffer.byteLength), [5, 0, 3, 3, 100]);
      for (const value of values!) assertStrictEquals(Object.getPrototypeOf(value), Uint8Array.prototype);
    }
  });

  it("calls binary() once for each reply", () => {
    for (const chunks of [[1], [1000]]) {
      const isBinary = [true, false, false, true];
      const recorder = new (class extends Recorder {
        override binary(): boolean {
          super.binary();
          return isBinary[this.asked - 1]!;
        }
      })();
      const decoder = new Decoder(recorder);
      const wire = Buffer.from(
        "$1\r\na\r\n>2\r\n+p\r\n$1\r\nq\r\n|1\r\n+x\r\n$1\r\ny\r\n$1\r\nb\r\n:1\r\n*2\r\n$1\r\nc\r\n$1\r\nd\r\n",
      );
      for (let at = 0; at < wire.length; at += chunks[0]!) decoder.push(wire.subarray(at, at + chunks[0]!));
      assertEquals(recorder.shown, [
        "Uint8Array<61>",
        'push ["p", "q"]',
        '"b"',
        "1",
        "[Uint8Array<63>, Uint8Array<64>]",
      ]);
      assertEquals(recorder.asked, 4);
    }
  });

  it("calls binary() for a reply after it has delivered the previous one", () => {
    const log: string[] = [];
    const decoder = new Decoder({
      binary: () => log.push("asked") < 0,
      reply: (value) => log.push(showReply(value)),
      push: (message) => log.push(`push ${showReply(message)}`),
    });
    decoder.push(Buffer.from(":1\r\n>1\r\n+p\r\n:2\r\n*1\r\n:3\r\n"));
    assertEquals(log, ["asked", "1", 'push ["p"]', "asked", "2", "asked", "[3]"]);
  });

  it("reads pushes between any two replies", () => {
    assertEquals(decode(":1\r\n>1\r\n+a\r\n:2\r\n>1\r\n+b\r\n>1\r\n+c\r\n*1\r\n:3\r\n", { chunks: [1] }).shown, [
      "1",
      'push ["a"]',
      "2",
      'push ["b"]',
      'push ["c"]',
      "[3]",
    ]);
  });

  it("changes no prototype", () => {
    const [map] = decode("%1\r\n+__proto__\r\n%1\r\n+polluted\r\n#t\r\n").values as [Map<Reply, Reply>];
    assertInstanceOf(map, Map);
    assertStrictEquals(Object.getPrototypeOf(map), Map.prototype);
    assertStrictEquals(({} as Record<string, unknown>).polluted, undefined);
  });

  it("reads a deep reply without recursion, if the limit allows it", () => {
    const depth = 10_000;
    const { values, error } = decode("*1\r\n".repeat(depth) + ":7\r\n", { limits: { depth }, chunks: [1000] });
    assertEquals(error, undefined);
    let value = values[0]!;
    for (let level = 0; level < depth; level++) {
      assert(Array.isArray(value) && value.length === 1);
      value = value[0]!;
    }
    assertStrictEquals(value, 7);
  });

  it("reads an array of many elements in small chunks", () => {
    const count = 50_000;
    const { values } = decode(`*${count}\r\n` + ":1\r\n$3\r\nabc\r\n".repeat(count / 2), { chunks: [7] });
    const array = values[0] as Reply[];
    assertEquals(array.length, count);
    assert(array.every((value, at) => value === (at % 2 === 0 ? 1 : "abc")));
  });

  it("takes linear time, however small the chunks are", () => {
    const start = performance.now();
    const lineBytes = 200_000;
    const line = "x".repeat(lineBytes);
    assertEquals(decode(`+${line}\r\n`, { chunks: [1], limits: { lineBytes } }).values, [line]);
    const string = "y".repeat(2_000_000);
    for (const wire of [`$${string.length}\r\n${string}\r\n`, `$?\r\n;${string.length}\r\n${string}\r\n;0\r\n`]) {
      assert(decode(wire, { chunks: [16] }).values[0] === string);
      const [bytes] = decode(wire, { chunks: [16], binary: true }).values as [Uint8Array];
      assert(Buffer.from(string).equals(bytes));
    }
    // It takes less than a second. Reading everything again for each chunk would take minutes.
    assertLess(performance.now() - start, 10_000);
  });

  it("passes nothing to the sink after the sink has thrown", () => {
    let count = 0;
    const failure = new Error("Sink failed");
    const decoder = new Decoder({
      binary: () => false,
      reply: () => {
        count++;
        throw failure;
      },
      push() {},
    });
    assertStrictEquals(assertThrows(() => decoder.push(Buffer.from(":1\r\n:2\r\n"))), failure);
    assertStrictEquals(assertThrows(() => decoder.push(Buffer.from(":3\r\n"))), failure);
    assertEquals(count, 1);
  });
});

describe("Decoder.idle", () => {
  it("is true only between replies", () => {
    const wires = [
      "+OK\r\n",
      ":1\r\n",
      "$5\r\nhello\r\n",
      "*2\r\n:1\r\n*1\r\n:2\r\n",
      ">1\r\n+p\r\n",
      "|1\r\n+a\r\n:1\r\n:2\r\n",
      "|0\r\n>1\r\n+p\r\n",
      "$?\r\n;1\r\na\r\n;0\r\n",
      "*?\r\n.\r\n",
    ];
    for (const wire of wires) {
      const decoder = new Decoder(new Recorder());
      const seen = Array.from(wire, (byte) => {
        const before = decoder.idle;
        decoder.push(Buffer.from(byte, "latin1"));
        return before;
      });
      assertEquals(seen, [true, ...Array.from(wire.slice(1), () => false)], wire);
      assert(decoder.idle, wire);
    }
  });
});

function shown(each: Case, binary: boolean): string[] {
  const replies = binary ? each.binary ?? each.text : each.text;
  return [...(each.pushes ?? []).map((message) => `push ${showReply(message)}`), ...replies.map(showReply)];
}

function outcome(wire: string, binary: boolean, chunks?: readonly number[]): Record<string, unknown> {
  const { shown, asked, idle, error } = decode(wire, chunks === undefined ? { binary } : { binary, chunks });
  return { shown, asked, idle, error };
}
