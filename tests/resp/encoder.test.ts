import { assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Encoder } from "../../src/resp/encoder.ts";
import type { Argument } from "../../src/resp/reply.ts";
import { decode } from "./decode.ts";

describe("Encoder.write()", () => {
  it("writes a command as an array of bulk strings", () => {
    assertEquals(encode([["SET", "key", "value"]]), ["*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n"]);
  });

  it("writes numbers as decimal text", () => {
    const numbers: [number | bigint, string][] = [
      [0, "0"],
      [-0, "0"],
      [-1.5, "-1.5"],
      [1e21, "1e+21"],
      [2 ** 53, "9007199254740992"],
      [2n ** 64n, "18446744073709551616"],
      [-(2n ** 70n), "-1180591620717411303424"],
      [Infinity, "inf"],
      [-Infinity, "-inf"],
    ];
    for (const [number, text] of numbers) {
      assertEquals(encode([["X", number]]), [`*2\r\n$1\r\nX\r\n$${text.length}\r\n${text}\r\n`]);
    }
  });

  it("counts bytes, not characters", () => {
    for (
      const text of [
        "",
        "\u00e9",
        "\u20ac",
        "\u{1f600}",
        "\u007f",
        "\u0080",
        "x".repeat(48),
        `${"x".repeat(47)}\u00e9`,
        "\u00e9".repeat(1000),
      ]
    ) {
      const size = new TextEncoder().encode(text).length;
      assertEquals(encode([[text]]), [`*1\r\n$${size}\r\n${text}\r\n`]);
    }
  });

  it("counts a lone surrogate as the U+FFFD that is sent for it", () => {
    for (const text of ["\ud83d", "\ude00", "a\ud83d", "\ude00\ud83d", `${"x".repeat(60)}\ud83d`]) {
      for (const args of [[text, "next"], [text, Uint8Array.of(1)]]) {
        const wire = toBytes([args]);
        assertEquals(decode(wire, { binary: true }).values, [
          args.map((arg) => Uint8Array.from(Buffer.from(arg as string))),
        ]);
      }
    }
  });

  it("keeps CRLF and NUL in arguments", () => {
    const wire = toBytes([["a\r\nb", "\0", Uint8Array.of(13, 10, 0, 255)]]);
    assertEquals(decode(wire, { binary: true }).shown, [
      "[Uint8Array<610d0a62>, Uint8Array<00>, Uint8Array<0d0a00ff>]",
    ]);
  });

  it("refuses an argument of another type, and appends nothing", () => {
    const encoder = new Encoder();
    encoder.write(["PING"]);
    const wrong: [unknown, string][] = [
      [undefined, "undefined"],
      [null, "object"],
      [true, "boolean"],
      [{}, "object"],
      [[], "object"],
      [Symbol("s"), "symbol"],
      [() => {}, "function"],
      [new ArrayBuffer(1), "object"],
      [new Uint16Array(1), "object"],
      [NaN, "NaN"],
    ];
    for (const [arg, shown] of wrong) {
      const args = ["SET", new Uint8Array(2000), arg] as Argument[];
      const { message } = assertThrows(() => encoder.write(args), TypeError);
      assertMatch(message, new RegExp(`^Cannot send argument 2 of a command: expected a .*, got ${shown}$`));
    }
    assertThrows(() => encoder.write([]), TypeError, "Cannot send a command: expected its name, got an empty array");
    assertEquals(encoder.size, 14);
    assertEquals(encoder.take(), ["*1\r\n$4\r\nPING\r\n"]);
  });

  it("sends arguments that decode to the same bytes", () => {
    const argument = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom("a", "\ud83d", "\ude00", "\u20ac"), maxLength: 60 }),
      fc.double({ noNaN: true }),
      fc.bigInt(),
      fc.uint8Array(),
      fc.uint8Array({ minLength: 900, maxLength: 1200 }),
      fc.uint8Array({ minLength: 1020, maxLength: 1028 }).map((bytes) => Buffer.from(bytes)),
    );
    const command = fc.array(argument, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 5 }), (commands) => {
        const { values, error } = decode(toBytes(commands), { binary: true });
        assertEquals(error, undefined);
        assertEquals(values, commands.map((args) => args.map(asSent)));
      }),
      { numRuns: 500 },
    );
  });
});

describe("Encoder.take()", () => {
  it("returns text as one string", () => {
    assertEquals(encode([["GET", "a"], ["INCR", 1n]]), [
      "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$4\r\nINCR\r\n$1\r\n1\r\n",
    ]);
  });

  it("returns long bytes without a copy, and copies short ones into a buffer with the text", () => {
    const long = new Uint8Array(1025).fill(7);
    const short = new Uint8Array(1024).fill(8);
    const pieces = encode([["A", long, long], ["B", short, "c"], ["D", long]]);
    assertEquals(pieces.length, 7);
    assertEquals(pieces.map((piece) => typeof piece), [
      "string",
      "object",
      "string",
      "object",
      "object",
      "object",
      "string",
    ]);
    for (const at of [1, 3, 5]) assertStrictEquals(pieces[at], long);
    assertEquals(pieces[2], "\r\n$1025\r\n");
    const joined = Buffer.from(pieces[4] as Uint8Array).toString("latin1");
    assertEquals(joined, `\r\n*3\r\n$1\r\nB\r\n$1024\r\n${"\b".repeat(1024)}\r\n$1\r\nc\r\n*2\r\n$1\r\nD\r\n$1025\r\n`);
  });

  it("returns each command once", () => {
    const encoder = new Encoder();
    assertEquals(encoder.take(), []);
    encoder.write(["A", new Uint8Array(3)]);
    encoder.take();
    assertEquals([encoder.take(), encoder.size], [[], 0]);
    encoder.write(["B"]);
    assertEquals(encoder.take(), ["*1\r\n$1\r\nB\r\n"]);
  });
});

describe("Encoder.size", () => {
  it("is the size of the pieces in bytes", () => {
    const encoder = new Encoder();
    const commands: Argument[][] = [["SET", "k\u00e9y", new Uint8Array(10)], ["GET", 12345], [
      "X",
      new Uint8Array(5000),
      "\ud83d",
    ]];
    for (const args of commands) encoder.write(args);
    const { size } = encoder;
    assertEquals(concat(encoder.take()).length, size);
    assertEquals(encoder.size, 0);
  });
});

function encode(commands: readonly (readonly Argument[])[]): (string | Uint8Array)[] {
  const encoder = new Encoder();
  for (const args of commands) encoder.write(args);
  return encoder.take();
}

function toBytes(commands: readonly (readonly Argument[])[]): Uint8Array {
  return concat(encode(commands));
}

function concat(pieces: readonly (string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));
}

function asSent(arg: Argument): Uint8Array {
  if (arg instanceof Uint8Array) return Uint8Array.from(arg);
  const text = arg === Infinity ? "inf" : arg === -Infinity ? "-inf" : String(arg);
  return Uint8Array.from(Buffer.from(text));
}
