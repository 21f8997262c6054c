import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runtimeCommand } from "../support/runtime.ts";
import { assert, assertEquals, assertInstanceOf, assertLess, assertStrictEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { Decoder, type DecoderLimits } from "../../src/resp/decoder.ts";
import { ProtocolError } from "../../src/resp/errors.ts";
import { decode, Recorder } from "./decode.ts";

/** What is no RESP, and the message that says so. A last byte is the one that gives it away. */
const MALFORMED: readonly (readonly [name: string, wire: string, message: string])[] = [
  ["an unknown type", "HTTP/1.1 400 Bad Request\r\n", 'Expected the first byte of a value, found "H'],
  ["a line where a type belongs", "\r\n", 'Expected the first byte of a value, found "\\r'],
  ["a part outside of a streamed string", ";3\r\nabc\r\n", 'Expected the first byte of a value, found ";'],
  ["a bare LF after a simple string", "+OK\n", 'Expected CRLF at the end of a line, found "\\n"'],
  ["a bare CR in a simple string", "+O\rK\r\n", 'Expected CRLF at the end of a line, found "\\rK'],
  ["a bare LF after an integer", ":1\n", 'Expected CRLF at the end of a line, found "\\n"'],
  ["a bare LF after a length", "$5\n", 'Expected CRLF at the end of a line, found "\\n"'],
  ["an integer without digits", ":\r\n", 'Expected a 64-bit integer, found "\\r\\n"'],
  ["an integer of a sign", ":-\r\n", 'Expected a 64-bit integer, found "-\\r\\n"'],
  ["an integer with letters", ":12a\r\n", 'Expected a 64-bit integer, found "12a\\r\\n"'],
  ["an integer in hexadecimal", ":0x10\r\n", 'Expected a 64-bit integer, found "0x10\\r\\n"'],
  ["an integer with a space", ": 1\r\n", 'Expected a 64-bit integer, found " 1\\r\\n"'],
  [
    "an integer beyond 64 bits",
    ":9223372036854775808\r\n",
    'Expected a 64-bit integer, found "9223372036854775808\\r\\n"',
  ],
  ["an integer of 21 bytes", ":000000000000000000001\r\n", "Expected a line of at most 20 bytes, found"],
  ["a length without digits", "$\r\n", 'Expected a length, found "\\r\\n"'],
  ["a negative length", "$-2\r\n", 'Expected a length, found "-2\\r\\n"'],
  ["a length with a plus sign", "*+1\r\n", 'Expected a length, found "+1\\r\\n"'],
  ["a length with letters", "*1x\r\n", 'Expected a length, found "1x\\r\\n"'],
  ["a length with a fraction", "$1.5\r\n", 'Expected a length, found "1.5\\r\\n"'],
  ["a length of 16 digits", "$1000000000000000\r\n", 'Expected a length, found "1000000000000000\\r\\n"'],
  ["a null that is a map", "%-1\r\n", 'Expected a length, found "-1\\r\\n"'],
  ["a null that is a set", "~-1\r\n", 'Expected a length, found "-1\\r\\n"'],
  ["a null that is a push", ">-1\r\n", 'Expected a length, found "-1\\r\\n"'],
  ["a null that is an attribute", "|-1\r\n", 'Expected a length, found "-1\\r\\n"'],
  ["a null that is an error", "!-1\r\n", 'Expected a length, found "-1\\r\\n"'],
  ["a null that is a verbatim string", "=-1\r\n", 'Expected a length, found "-1\\r\\n"'],
  ["a streamed push", ">?\r\n", 'Expected a length, found "?\\r\\n"'],
  ["a streamed attribute", "|?\r\n", 'Expected a length, found "?\\r\\n"'],
  ["a streamed error", "!?\r\n", 'Expected a length, found "?\\r\\n"'],
  ["a streamed verbatim string", "=?\r\n", 'Expected a length, found "?\\r\\n"'],
  ["a bulk string that is too long", "$3\r\nabcd\r\n", 'Expected CRLF after a string, found "d'],
  ["a bulk string that is too short", "$3\r\nab\r\n", 'Expected CRLF after a string, found "\\n'],
  ["a bulk string without LF", "$3\r\nabc\rx", "Expected CRLF after a string, found"],
  ["a bulk string with LF only", "$3\r\nabc\n\n", "Expected CRLF after a string, found"],
  ["a null with something on its line", "_x\r\n", 'Expected nothing on the line of a null, found "x\\r\\n"'],
  ["a boolean that is neither", "#1\r\n", 'Expected "t" or "f", found "1\\r\\n"'],
  ["a boolean of two letters", "#tt\r\n", 'Expected "t" or "f", found "tt\\r\\n"'],
  ["a double without digits", ",.\r\n", 'Expected a double, found ".\\r\\n"'],
  ["an empty double", ",\r\n", 'Expected a double, found "\\r\\n"'],
  ["a double with an empty exponent", ",1e\r\n", 'Expected a double, found "1e\\r\\n"'],
  ["a double in words", ",Infinity\r\n", 'Expected a double, found "Infinity\\r\\n"'],
  ["a big number with a fraction", "(1.0\r\n", 'Expected a big number, found "1.0\\r\\n"'],
  ["an empty big number", "(\r\n", 'Expected a big number, found "\\r\\n"'],
  ["a verbatim string without a format", "=3\r\nabc\r\n", 'Expected a string with a format, found "=3'],
  ["a verbatim string without a colon", "=8\r\nabcdefgh\r\n", 'Expected a colon after a format, found "d'],
  ["a push inside an array", "*1\r\n>1\r\n+a\r\n", 'Expected a push only between replies, found ">'],
  ["a push inside an attribute", "|1\r\n>1\r\n+a\r\n", 'Expected a push only between replies, found ">'],
  ["a push inside a push", ">1\r\n>1\r\n+a\r\n", 'Expected a push only between replies, found ">'],
  ["an empty push", ">0\r\n", 'Expected a push that says what it is, found ">0\\r\\n"'],
  ["an end outside of an aggregate", ".\r\n", 'Expected an element, found ".'],
  ["an end in an array of known length", "*1\r\n.\r\n", 'Expected an element, found ".'],
  ["an end after a key", "%?\r\n+key\r\n.\r\n", 'Expected an element, found ".'],
  ["an end after an attribute", "*?\r\n|0\r\n.\r\n", 'Expected an element, found ".'],
  ["an end with something on its line", "*?\r\n.x\r\n", 'Expected nothing on the line of an end, found "x\\r\\n"'],
  [
    "a value between the parts of a string",
    "$?\r\n;1\r\na\r\n:1\r\n",
    'Expected the next part of a streamed string, found ":',
  ],
  ["a part without a length", "$?\r\n;?\r\n", 'Expected a length, found "?\\r\\n"'],
  ["a part with a negative length", "$?\r\n;-1\r\n", 'Expected a length, found "-1\\r\\n"'],
  ["a part without CRLF", "$?\r\n;1\r\nab\r\n", 'Expected CRLF after a string, found "b'],
];

/** What exceeds a limit by one, after what does not. */
const EXCESSIVE:
  readonly (readonly [name: string, limits: DecoderLimits, within: string, beyond: string, message: string])[] = [
    [
      "a bulk string",
      { bulkBytes: 5 },
      "$5\r\nhello\r\n",
      "$6\r\n",
      'Expected a string of at most 5 bytes, found "$6\\r\\n"',
    ],
    ["a verbatim string", { bulkBytes: 5 }, "=5\r\ntxt:a\r\n", "=6\r\n", "Expected a string of at most 5 bytes, found"],
    [
      "a streamed string",
      { bulkBytes: 5 },
      "$?\r\n;3\r\nabc\r\n;2\r\nde\r\n;0\r\n",
      "$?\r\n;3\r\nabc\r\n;3\r\n",
      'Expected a string of at most 5 bytes, found ";3',
    ],
    ["a bulk error", { lineBytes: 5 }, "!5\r\nERR a\r\n", "!6\r\n", "Expected a string of at most 5 bytes, found"],
    ["an error", { lineBytes: 5 }, "-ERR a\r\n", "-ERR ab\r\n", 'Expected a line of at most 5 bytes, found "ERR ab'],
    [
      "a simple string",
      { lineBytes: 30 },
      `+${"a".repeat(30)}\r\n`,
      `+${"a".repeat(31)}\r\n`,
      "Expected a line of at most 30 bytes, found",
    ],
    [
      "a big number",
      { lineBytes: 30 },
      `(${"1".repeat(30)}\r\n`,
      `(${"1".repeat(31)}\r\n`,
      "Expected a line of at most 30 bytes, found",
    ],
    [
      "a double",
      { lineBytes: 30 },
      `,${"1".repeat(30)}\r\n`,
      `,${"1".repeat(31)}\r\n`,
      "Expected a line of at most 30 bytes, found",
    ],
    [
      "a line that never ends",
      { lineBytes: 30 },
      "",
      `+${"a".repeat(33)}`,
      "Expected a line of at most 30 bytes, found",
    ],
    ["a length that never ends", {}, "", `$${"1".repeat(23)}`, "Expected a line of at most 20 bytes, found"],
    [
      "an array",
      { elements: 2 },
      "*2\r\n:1\r\n:2\r\n",
      "*3\r\n",
      'Expected at most 2 elements, found "*3\\r\\n"',
    ],
    [
      "a map",
      { elements: 2 },
      "%2\r\n:1\r\n:2\r\n:3\r\n:4\r\n",
      "%3\r\n",
      "Expected at most 2 elements, found",
    ],
    [
      "a streamed array",
      { elements: 2 },
      "*?\r\n:1\r\n:2\r\n.\r\n",
      "*?\r\n:1\r\n:2\r\n:3\r\n",
      "Expected at most 2 elements, found",
    ],
    [
      "a streamed map",
      { elements: 1 },
      "%?\r\n:1\r\n:2\r\n.\r\n",
      "%?\r\n:1\r\n:2\r\n:3\r\n:4\r\n",
      "Expected at most 1 elements, found",
    ],
    [
      "the depth",
      { depth: 2 },
      "*1\r\n~1\r\n:1\r\n",
      "*1\r\n~1\r\n%0\r\n",
      'Expected aggregates at most 2 deep, found "%0',
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
    it(`${name} beyond its limit, and nothing within`, () => {
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

  it("10,000 levels", () => {
    for (const open of ["*1\r\n", "%1\r\n", "~1\r\n", "|1\r\n", "*?\r\n", "%1\r\n:1\r\n", "*1\r\n|1\r\n"]) {
      for (const chunks of [[1 << 20], [1], [5]]) {
        const { error, shown } = decode(open.repeat(10_000), { chunks });
        assertInstanceOf(error, ProtocolError);
        assertEquals(error.message.slice(0, 43), "Expected aggregates at most 128 deep, found");
        assertEquals(shown, []);
      }
    }
  });

  it("lengths beyond its limits by default", () => {
    const defaults: [string, string][] = [
      ["$536870913\r\n", "Expected a string of at most 536870912 bytes"],
      ["!65537\r\n", "Expected a string of at most 65536 bytes"],
      ["*16777217\r\n", "Expected at most 16777216 elements"],
      [`-${"x".repeat(65537)}\r\n`, "Expected a line of at most 65536 bytes"],
    ];
    for (const [wire, message] of defaults) assertRefused(decode(`:1\r\n${wire}`), message);
  });

  it("with an error that shows little of what came", () => {
    const secret = '\x00\x7f"\\' + "s".repeat(1000);
    const { error } = decode(`$3\r\nabc${secret}`);
    assertInstanceOf(error, ProtocolError);
    assertEquals(error.message, `Expected CRLF after a string, found "\\x00\\x7f\\"\\\\${"s".repeat(28)}"...`);
    for (const wire of [`:${"s".repeat(1000)}`, `+${"s".repeat(70_000)}`, `*1\r\n%${"s".repeat(18)}\r\n`]) {
      const { error } = decode(wire);
      assertInstanceOf(error, ProtocolError);
      assertLess(error.message.length, 120);
    }
  });

  it("everything after the first error, with the same error", () => {
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
  it("gives what came before an error", () => {
    const { shown, error } = decode(":1\r\n>1\r\n+p\r\n+two\r\n@");
    assertEquals(shown, ["1", 'push ["p"]', '"two"']);
    assertInstanceOf(error, ProtocolError);
  });

  it("waits for the rest of what is not complete", () => {
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

  it("sets nothing aside for what is only announced", () => {
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

/** The reply before the error came, nothing after it, and the error says what it should. */
function assertRefused(decoded: ReturnType<typeof decode>, message: string | undefined): void {
  assertInstanceOf(decoded.error, ProtocolError);
  if (message === undefined) return;
  assertEquals(decoded.shown, ["1"]);
  assertEquals(decoded.error.message.slice(0, message.length), message);
}
