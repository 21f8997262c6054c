import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runtimeCommand } from "../support/runtime.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { Decoder, type DecoderLimits } from "../../src/resp/decoder.ts";
import { ProtocolError } from "../../src/resp/errors.ts";
import { decode, Recorder } from "./decode.ts";

/** Malformed RESP and the start of its error. The last byte of each is the one that makes it malformed. */
const MALFORMED: readonly (readonly [name: string, wire: string, message: string])[] = [
  ["an unknown type", "HTTP/1.1 400 Bad Request\r\n", 'expected the type byte of a value, got "H'],
  ["a line where a type belongs", "\r\n", 'expected the type byte of a value, got "\\r'],
  ["a part outside of a streamed string", ";3\r\nabc\r\n", 'expected the type byte of a value, got ";'],
  ["a bare LF after a simple string", "+OK\n", 'expected CRLF at the end of a line, got "\\n"'],
  ["a bare CR in a simple string", "+O\rK\r\n", 'expected CRLF at the end of a line, got "\\rK'],
  ["a bare LF after an integer", ":1\n", 'expected CRLF at the end of a line, got "\\n"'],
  ["a bare LF after a length", "$5\n", 'expected CRLF at the end of a line, got "\\n"'],
  ["an integer without digits", ":\r\n", 'expected a 64-bit integer, got "\\r\\n"'],
  ["an integer of a sign", ":-\r\n", 'expected a 64-bit integer, got "-\\r\\n"'],
  ["an integer with letters", ":12a\r\n", 'expected a 64-bit integer, got "12a\\r\\n"'],
  ["an integer in hexadecimal", ":0x10\r\n", 'expected a 64-bit integer, got "0x10\\r\\n"'],
  ["an integer with a space", ": 1\r\n", 'expected a 64-bit integer, got " 1\\r\\n"'],
  [
    "an integer beyond 64 bits",
    ":9223372036854775808\r\n",
    'expected a 64-bit integer, got "9223372036854775808\\r\\n"',
  ],
  ["an integer of 21 bytes", ":000000000000000000001\r\n", "expected a line of at most 20 bytes, got"],
  ["a length without digits", "$\r\n", 'expected a length, got "\\r\\n"'],
  ["a negative length", "$-2\r\n", 'expected a length, got "-2\\r\\n"'],
  ["a length with a plus sign", "*+1\r\n", 'expected a length, got "+1\\r\\n"'],
  ["a length with letters", "*1x\r\n", 'expected a length, got "1x\\r\\n"'],
  ["a length with a fraction", "$1.5\r\n", 'expected a length, got "1.5\\r\\n"'],
  ["a length of 16 digits", "$1000000000000000\r\n", 'expected a length, got "1000000000000000\\r\\n"'],
  ["a null that is a map", "%-1\r\n", 'expected a length, got "-1\\r\\n"'],
  ["a null that is a set", "~-1\r\n", 'expected a length, got "-1\\r\\n"'],
  ["a null that is a push", ">-1\r\n", 'expected a length, got "-1\\r\\n"'],
  ["a null that is an attribute", "|-1\r\n", 'expected a length, got "-1\\r\\n"'],
  ["a null that is an error", "!-1\r\n", 'expected a length, got "-1\\r\\n"'],
  ["a null that is a verbatim string", "=-1\r\n", 'expected a length, got "-1\\r\\n"'],
  ["a streamed push", ">?\r\n", 'expected a length, got "?\\r\\n"'],
  ["a streamed attribute", "|?\r\n", 'expected a length, got "?\\r\\n"'],
  ["a streamed error", "!?\r\n", 'expected a length, got "?\\r\\n"'],
  ["a streamed verbatim string", "=?\r\n", 'expected a length, got "?\\r\\n"'],
  ["a bulk string that is too long", "$3\r\nabcd\r\n", 'expected CRLF after a string, got "d'],
  ["a bulk string that is too short", "$3\r\nab\r\n", 'expected CRLF after a string, got "\\n'],
  ["a bulk string without LF", "$3\r\nabc\rx", "expected CRLF after a string, got"],
  ["a bulk string with LF only", "$3\r\nabc\n\n", "expected CRLF after a string, got"],
  ["a null with something on its line", "_x\r\n", 'expected CRLF after "_", got "x\\r\\n"'],
  ["a boolean that is neither", "#1\r\n", 'expected "t" or "f", got "1\\r\\n"'],
  ["a boolean of two letters", "#tt\r\n", 'expected "t" or "f", got "tt\\r\\n"'],
  ["a double without digits", ",.\r\n", 'expected a double, got ".\\r\\n"'],
  ["an empty double", ",\r\n", 'expected a double, got "\\r\\n"'],
  ["a double with an empty exponent", ",1e\r\n", 'expected a double, got "1e\\r\\n"'],
  ["a double in words", ",Infinity\r\n", 'expected a double, got "Infinity\\r\\n"'],
  ["a big number with a fraction", "(1.0\r\n", 'expected a big number, got "1.0\\r\\n"'],
  ["an empty big number", "(\r\n", 'expected a big number, got "\\r\\n"'],
  ["a verbatim string without a format", "=3\r\nabc\r\n", 'expected a verbatim string with a format, got "=3'],
  [
    "a verbatim string without a colon",
    "=8\r\nabcdefgh\r\n",
    'expected a colon after the format of a verbatim string, got "d',
  ],
  ["a push inside an array", "*1\r\n>1\r\n+a\r\n", 'expected a push between replies, not inside of one, got ">'],
  ["a push inside an attribute", "|1\r\n>1\r\n+a\r\n", 'expected a push between replies, not inside of one, got ">'],
  ["a push inside a push", ">1\r\n>1\r\n+a\r\n", 'expected a push between replies, not inside of one, got ">'],
  ["an empty push", ">0\r\n", 'expected a push with a type, got ">0\\r\\n"'],
  ["an end outside of an aggregate", ".\r\n", 'expected an element, got ".'],
  ["an end in an array of known length", "*1\r\n.\r\n", 'expected an element, got ".'],
  ["an end after a key", "%?\r\n+key\r\n.\r\n", 'expected an element, got ".'],
  ["an end after an attribute", "*?\r\n|0\r\n.\r\n", 'expected an element, got ".'],
  ["an end with something on its line", "*?\r\n.x\r\n", 'expected CRLF after ".", got "x\\r\\n"'],
  [
    "a value between the parts of a string",
    "$?\r\n;1\r\na\r\n:1\r\n",
    'expected the next part of a streamed string, got ":',
  ],
  ["a part without a length", "$?\r\n;?\r\n", 'expected a length, got "?\\r\\n"'],
  ["a part with a negative length", "$?\r\n;-1\r\n", 'expected a length, got "-1\\r\\n"'],
  ["a part without CRLF", "$?\r\n;1\r\nab\r\n", 'expected CRLF after a string, got "b'],
];

/** For each limit, a reply within it and the start of one that exceeds it by one. */
const EXCESSIVE:
  readonly (readonly [name: string, limits: DecoderLimits, within: string, beyond: string, message: string])[] = [
    [
      "a bulk string",
      { bulkBytes: 5 },
      "$5\r\nhello\r\n",
      "$6\r\n",
      'expected a string of at most 5 bytes, got "$6\\r\\n"',
    ],
    ["a verbatim string", { bulkBytes: 5 }, "=5\r\ntxt:a\r\n", "=6\r\n", "expected a string of at most 5 bytes, got"],
    [
      "a streamed string",
      { bulkBytes: 5 },
      "$?\r\n;3\r\nabc\r\n;2\r\nde\r\n;0\r\n",
      "$?\r\n;3\r\nabc\r\n;3\r\n",
      'expected a string of at most 5 bytes, got ";3',
    ],
    ["a bulk error", { lineBytes: 5 }, "!5\r\nERR a\r\n", "!6\r\n", "expected a string of at most 5 bytes, got"],
    ["an error", { lineBytes: 5 }, "-ERR a\r\n", "-ERR ab\r\n", 'expected a line of at most 5 bytes, got "ERR ab'],
    [
      "a simple string",
      { lineBytes: 30 },
      `+${"a".repeat(30)}\r\n`,
      `+${"a".repeat(31)}\r\n`,
      "expected a line of at most 30 bytes, got",
    ],
    [
      "a big number",
      { lineBytes: 30 },
      `(${"1".repeat(30)}\r\n`,
      `(${"1".repeat(31)}\r\n`,
      "expected a line of at most 30 bytes, got",
    ],
    [
      "a double",
      { lineBytes: 30 },
      `,${"1".repeat(30)}\r\n`,
      `,${"1".repeat(31)}\r\n`,
      "expected a line of at most 30 bytes, got",
    ],
    [
      "a line that never ends",
      { lineBytes: 30 },
      "",
      `+${"a".repeat(33)}`,
      "expected a line of at most 30 bytes, got",
    ],
    ["a length that never ends", {}, "", `$${"1".repeat(23)}`, "expected a line of at most 20 bytes, got"],
    [
      "an array",
      { elements: 2 },
      "*2\r\n:1\r\n:2\r\n",
      "*3\r\n",
      'expected at most 2 elements, got "*3\\r\\n"',
    ],
    [
      "a map",
      { elements: 2 },
      "%2\r\n:1\r\n:2\r\n:3\r\n:4\r\n",
      "%3\r\n",
      "expected at most 2 elements, got",
    ],
    [
      "a streamed array",
      { elements: 2 },
      "*?\r\n:1\r\n:2\r\n.\r\n",
      "*?\r\n:1\r\n:2\r\n:3\r\n",
      "expected at most 2 elements, got",
    ],
    [
      "a streamed map",
      { elements: 1 },
      "%?\r\n:1\r\n:2\r\n.\r\n",
      "%?\r\n:1\r\n:2\r\n:3\r\n:4\r\n",
      "expected at most 1 elements, got",
    ],
    [
      "the depth",
      { depth: 2 },
      "*1\r\n~1\r\n:1\r\n",
      "*1\r\n~1\r\n%0\r\n",
      'expected aggregates nested at most 2 deep, got "%0',
    ],
  ];

describe("Decoder.push() refuses", () => {
  for (const [name, wire, message] of MALFORMED) {
    it(name, () => {
      assertRefused(decode(`:1\r\n${wire}`), message);
      for (let at = 1; at < wire.length; at++) assertRefused(decode(wire, { chunks: [at, wire.length] }), undefined);
      assertRefused(decode(wire, { chunks: [1] }), undefined);
    });
  }

  for (const [name, limits, within, beyond, message] of EXCESSIVE) {
    it(`${name} that exceeds its limit, not one within it`, () => {
      for (const chunks of [[1], [1000]]) {
        const { error, shown } = decode(within, { limits, chunks });
        assertEquals(error, undefined);
        assertEquals(shown.length, within === "" ? 0 : 1);
        const refused = decode(within + beyond, { limits, chunks });
        assertInstanceOf(refused.error, ProtocolError);
        assertEquals(refused.shown, shown);
      }
      assertRefused(decode(`:1\r\n${beyond}`, { limits }), message);
    });
  }

  it("aggregates with 10,000 levels", () => {
    for (const open of ["*1\r\n", "%1\r\n", "~1\r\n", "|1\r\n", "*?\r\n", "%1\r\n:1\r\n", "*1\r\n|1\r\n"]) {
      for (const chunks of [[1 << 20], [1], [5]]) {
        const { error, shown } = decode(open.repeat(10_000), { chunks });
        assertInstanceOf(error, ProtocolError);
        assertStringIncludes(error.message, "expected aggregates nested at most 128 deep, got");
        assertEquals(shown, []);
      }
    }
  });

  it("lengths that exceed the default limits", () => {
    const defaults: [string, string][] = [
      ["$536870913\r\n", "expected a string of at most 536870912 bytes"],
      ["!65537\r\n", "expected a string of at most 65536 bytes"],
      ["*16777217\r\n", "expected at most 16777216 elements"],
      [`-${"x".repeat(65537)}\r\n`, "expected a line of at most 65536 bytes"],
    ];
    for (const [wire, message] of defaults) assertRefused(decode(`:1\r\n${wire}`), message);
  });

  it("malformed bytes with an error that shows little of them", () => {
    const secret = '\x00\x7f"\\' + "s".repeat(1000);
    const { error } = decode(`$3\r\nabc${secret}`);
    assertInstanceOf(error, ProtocolError);
    const shown = `"\\x00\\x7f\\"\\\\${"s".repeat(28)}"...`;
    assertEquals(error.message, `Cannot decode a reply: expected CRLF after a string, got ${shown}`);
    for (const wire of [`:${"s".repeat(1000)}`, `+${"s".repeat(70_000)}`, `*1\r\n%${"s".repeat(18)}\r\n`]) {
      const { error } = decode(wire);
      assertInstanceOf(error, ProtocolError);
      assertLess(error.message.length, 130);
    }
  });

  it("every chunk after the first error, with the same error", () => {
    const recorder = new Recorder();
    const decoder = new Decoder(recorder);
    const error = assertThrows(() => decoder.push(Buffer.from("*2\r\n:1\r\n?")), ProtocolError);
    for (const wire of [":1\r\n", "", "?"]) {
      assertStrictEquals(assertThrows(() => decoder.push(Buffer.from(wire))), error);
    }
    assertEquals(recorder.shown, []);
  });
});

describe("Decoder.push()", () => {
  it("delivers the replies before an error", () => {
    const { shown, error } = decode(":1\r\n>1\r\n+p\r\n+two\r\n@");
    assertEquals(shown, ["1", 'push ["p"]', '"two"']);
    assertInstanceOf(error, ProtocolError);
  });

  it("waits for the rest of an incomplete reply", () => {
    for (
      const wire of [
        "$",
        "$5",
        "$5\r",
        "$5\r\nhello",
        "$5\r\nhello\r",
        "*2\r\n:1\r\n",
        "%1\r\n+a\r\n",
        "$?\r\n;1\r\na\r\n",
      ]
    ) {
      const { shown, error, idle } = decode(wire);
      assertEquals({ shown, error, idle }, { shown: [], error: undefined, idle: false }, wire);
    }
  });

  it("allocates no memory for bytes and elements that are only announced", () => {
    const file = fileURLToPath(new URL("./fixtures/announce.ts", import.meta.url));
    const [command, ...args] = runtimeCommand(file);
    const { growth, waiting } = JSON.parse(execFileSync(command, args, { encoding: "utf8" }));
    assertLess(growth, 64 * 1024 * 1024);
    assert(waiting);
  });
});

describe("new Decoder()", () => {
  it("throws RangeError for a limit that is not positive", () => {
    for (const limit of [0, -1, NaN]) {
      assertThrows(() => new Decoder(new Recorder(), { depth: limit }), RangeError, `${limit}`);
    }
  });
});

/** Asserts that decoding has failed, after one reply, with a message that starts like this. */
function assertRefused(decoded: ReturnType<typeof decode>, message: string | undefined): void {
  assertInstanceOf(decoded.error, ProtocolError);
  if (message === undefined) return;
  assertEquals(decoded.shown, ["1"]);
  const expected = `Cannot decode a reply: ${message}`;
  assertEquals(decoded.error.message.slice(0, expected.length), expected);
}
