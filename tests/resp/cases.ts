import { ReplyError } from "../../src/resp/errors.ts";
import type { Reply } from "../../src/resp/reply.ts";

/** Bytes that a server may send, and the replies that they encode. */
export interface Case {
  /** Name of the test: what the decoder does. */
  readonly name: string;
  /** The bytes, one for each character. */
  readonly wire: string;
  /** The replies with text. */
  readonly text: readonly Reply[];
  /** The replies with bytes, if they differ. */
  readonly binary?: readonly Reply[];
  /** The pushes, which precede the replies. */
  readonly pushes?: readonly Reply[][];
}

const long = "0123456789".repeat(50);
const broken = "\ufffd";

export const CASES: readonly Case[] = [
  { name: "reads a simple string", wire: "+OK\r\n", text: ["OK"] },
  { name: "reads an empty simple string", wire: "+\r\n", text: [""] },
  { name: "reads a long simple string", wire: `+${long}\r\n`, text: [long] },
  {
    name: "reads UTF-8 in a simple string",
    wire: `+${latin1("na\u00efve \u{1f600}")}\r\n`,
    text: ["na\u00efve \u{1f600}"],
  },
  {
    name: "reads an error as a value",
    wire: "-ERR unknown command\r\n",
    text: [new ReplyError("ERR unknown command")],
  },
  { name: "reads an error of one word", wire: "-LOADING\r\n", text: [new ReplyError("LOADING")] },
  {
    name: "continues after an error in the middle of a pipeline",
    wire: "+OK\r\n-WRONGTYPE Operation against a key\r\n:3\r\n",
    text: ["OK", new ReplyError("WRONGTYPE Operation against a key"), 3],
  },
  {
    name: "keeps an error inside an array",
    wire: "*3\r\n:1\r\n-ERR no\r\n$2\r\nhi\r\n",
    text: [[1, new ReplyError("ERR no"), "hi"]],
    binary: [[1, new ReplyError("ERR no"), bytes("hi")]],
  },

  { name: "reads an integer", wire: ":1234\r\n", text: [1234] },
  { name: "reads zero", wire: ":0\r\n:-0\r\n:+0\r\n", text: [0, 0, 0] },
  { name: "reads signs", wire: ":-1\r\n:+1\r\n:-2147483649\r\n", text: [-1, 1, -2147483649] },
  {
    name: "reads the largest exact integers as numbers",
    wire: ":9007199254740991\r\n:-9007199254740991\r\n",
    text: [9007199254740991, -9007199254740991],
  },
  {
    name: "reads integers beyond 2^53 as bigints",
    wire: ":9007199254740992\r\n:-9007199254740992\r\n",
    text: [9007199254740992n, -9007199254740992n],
  },
  {
    name: "reads the smallest and the largest 64-bit integer",
    wire: ":9223372036854775807\r\n:-9223372036854775808\r\n",
    text: [9223372036854775807n, -9223372036854775808n],
  },

  { name: "reads a bulk string", wire: "$5\r\nhello\r\n", text: ["hello"], binary: [bytes("hello")] },
  { name: "reads an empty bulk string", wire: "$0\r\n\r\n", text: [""], binary: [bytes("")] },
  ...Array.from("12345678", (_, at): Case => ({
    name: `reads a bulk string of ${at + 1} bytes, of ASCII only or not`,
    wire: `$${at + 1}\r\n${"abcdefgh".slice(0, at + 1)}\r\n$${at + 1}\r\n${"abcdefg".slice(0, at)}\xff\r\n$${
      at + 1
    }\r\n\x80${"abcdefg".slice(0, at)}\r\n`,
    text: ["abcdefgh".slice(0, at + 1), "abcdefg".slice(0, at) + broken, broken + "abcdefg".slice(0, at)],
    binary: [
      bytes("abcdefgh".slice(0, at + 1)),
      bytes("abcdefg".slice(0, at) + "\xff"),
      bytes("\x80" + "abcdefg".slice(0, at)),
    ],
  })),
  { name: "reads a long bulk string", wire: `$500\r\n${long}\r\n`, text: [long], binary: [bytes(long)] },
  {
    name: "keeps an integer inside a bulk string",
    wire: "$2\r\n:5\r\n$4\r\n:5\r\n\r\n",
    text: [":5", ":5\r\n"],
    binary: [bytes(":5"), bytes(":5\r\n")],
  },
  {
    name: "keeps CRLF inside a bulk string",
    wire: "$6\r\na\r\nb\r\n\r\n$2\r\n\r\n\r\n:1\r\n",
    text: ["a\r\nb\r\n", "\r\n", 1],
    binary: [bytes("a\r\nb\r\n"), bytes("\r\n"), 1],
  },
  {
    name: "keeps NUL and other control characters",
    wire: "$4\r\n\0\x01\x7f\x1b\r\n",
    text: ["\0\x01\x7f\x1b"],
    binary: [bytes("\0\x01\x7f\x1b")],
  },
  {
    name: "reads UTF-8",
    wire: `$10\r\n${latin1("\u00e9\u20ac\u{1f600}a")}\r\n`,
    text: ["\u00e9\u20ac\u{1f600}a"],
    binary: [bytes(latin1("\u00e9\u20ac\u{1f600}a"))],
  },
  {
    name: "replaces malformed UTF-8 by U+FFFD, and keeps it in bytes",
    wire: "$4\r\na\xc3\x28\xff\r\n$3\r\n\xe2\x82z\r\n$3\r\n\xed\xa0\x80\r\n",
    text: [`a${broken}(${broken}`, `${broken}z`, broken.repeat(3)],
    binary: [bytes("a\xc3\x28\xff"), bytes("\xe2\x82z"), bytes("\xed\xa0\x80")],
  },
  {
    name: "keeps a byte order mark",
    wire: "$4\r\n\xef\xbb\xbfa\r\n",
    text: ["\ufeffa"],
    binary: [bytes("\xef\xbb\xbfa")],
  },
  { name: "reads the nulls of RESP2", wire: "$-1\r\n*-1\r\n*2\r\n$-1\r\n*-1\r\n", text: [null, null, [null, null]] },

  { name: "reads a null", wire: "_\r\n", text: [null] },
  { name: "reads booleans", wire: "#t\r\n#f\r\n", text: [true, false] },
  { name: "reads doubles", wire: ",3.25\r\n,-0.5\r\n,10\r\n,+1\r\n,.5\r\n,5.\r\n", text: [3.25, -0.5, 10, 1, 0.5, 5] },
  { name: "reads minus zero as a double", wire: ",-0\r\n,-0.0\r\n,0\r\n", text: [-0, -0, 0] },
  {
    name: "reads doubles with exponents",
    wire: ",1e3\r\n,-2.5E-3\r\n,1.7976931348623157e+308\r\n,5e-324\r\n",
    text: [1000, -0.0025, 1.7976931348623157e+308, 5e-324],
  },
  {
    name: "reads doubles of many digits",
    wire: ",0.1000000000000000055511151231257827\r\n,12345678901234567890\r\n",
    text: [0.1, 12345678901234567000],
  },
  {
    name: "reads infinities and NaN",
    wire: ",inf\r\n,-inf\r\n,+inf\r\n,nan\r\n,-nan\r\n,NaN\r\n",
    text: [Infinity, -Infinity, Infinity, NaN, NaN, NaN],
  },
  {
    name: "reads big numbers",
    wire: "(3492890328409238509324850943850943825024385\r\n(-18446744073709551616\r\n(0\r\n(+7\r\n",
    text: [3492890328409238509324850943850943825024385n, -18446744073709551616n, 0n, 7n],
  },
  {
    name: "reads a bulk error",
    wire: "!22\r\nSYNTAX invalid\r\nsyntax\r\n",
    text: [new ReplyError("SYNTAX invalid\r\nsyntax")],
  },
  { name: "reads an empty bulk error", wire: "!0\r\n\r\n", text: [new ReplyError("")] },
  {
    name: "reads a verbatim string without its format",
    wire: "=15\r\ntxt:Some string\r\n=4\r\nmkd:\r\n=6\r\n\r\n:::5\r\n",
    text: ["Some string", "", ":5"],
    binary: [bytes("Some string"), bytes(""), bytes(":5")],
  },

  {
    name: "reads an array",
    wire: "*3\r\n:1\r\n+two\r\n$5\r\nthree\r\n",
    text: [[1, "two", "three"]],
    binary: [[1, "two", bytes("three")]],
  },
  { name: "reads empty aggregates", wire: "*0\r\n~0\r\n%0\r\n", text: [[], new Set(), new Map()] },
  { name: "reads arrays in arrays", wire: "*2\r\n*2\r\n:1\r\n*0\r\n*1\r\n*1\r\n:2\r\n", text: [[[1, []], [[2]]]] },
  {
    name: "reads a map, in order",
    wire: "%3\r\n+b\r\n:1\r\n+a\r\n:2\r\n:0\r\n_\r\n",
    text: [new Map<Reply, Reply>([["b", 1], ["a", 2], [0, null]])],
  },
  {
    name: "reads a map with null, false and aggregates as keys",
    wire: "%3\r\n_\r\n:1\r\n#f\r\n*0\r\n*1\r\n:1\r\n%1\r\n+k\r\n+v\r\n",
    text: [new Map<Reply, Reply>([[null, 1], [false, []], [[1], new Map([["k", "v"]])]])],
  },
  {
    name: "reads __proto__ in a map as an ordinary key",
    wire: "%2\r\n$9\r\n__proto__\r\n%1\r\n+polluted\r\n#t\r\n+constructor\r\n:1\r\n",
    text: [new Map<Reply, Reply>([["__proto__", new Map([["polluted", true]])], ["constructor", 1]])],
    binary: [new Map<Reply, Reply>([[bytes("__proto__"), new Map([["polluted", true]])], ["constructor", 1]])],
  },
  { name: "reads a set", wire: "~4\r\n+a\r\n:1\r\n+a\r\n#t\r\n", text: [new Set<Reply>(["a", 1, true])] },
  {
    name: "reads a push before a reply",
    wire: ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n+OK\r\n",
    text: ["OK"],
    pushes: [["invalidate", ["k"]]],
  },
  {
    name: "reads pushes without a reply, always as text",
    wire: ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n>1\r\n+x\r\n",
    text: [],
    pushes: [["message", "news", "hi"], ["x"]],
  },

  {
    name: "drops an attribute",
    wire: "|1\r\n+ttl\r\n:3600\r\n$5\r\nhello\r\n",
    text: ["hello"],
    binary: [bytes("hello")],
  },
  { name: "drops an empty attribute", wire: "|0\r\n:1\r\n", text: [1] },
  { name: "drops several attributes in a row", wire: "|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n:3\r\n", text: [3] },
  {
    name: "drops attributes inside aggregates",
    wire: "*3\r\n:1\r\n|1\r\n+a\r\n*1\r\n:9\r\n:2\r\n|1\r\n+b\r\n_\r\n~1\r\n|0\r\n:3\r\n",
    text: [[1, 2, new Set([3])]],
  },
  {
    name: "drops attributes of keys and values",
    wire: "%1\r\n|1\r\n+a\r\n+b\r\n+k\r\n|1\r\n+c\r\n+d\r\n+v\r\n",
    text: [new Map([["k", "v"]])],
  },
  {
    name: "drops attributes inside attributes",
    wire: "|1\r\n|1\r\n+a\r\n+b\r\n+k\r\n|1\r\n+c\r\n+d\r\n+v\r\n:1\r\n",
    text: [1],
  },
  {
    name: "drops an attribute before a push",
    wire: "|1\r\n+a\r\n:1\r\n>1\r\n+x\r\n:1\r\n",
    text: [1],
    pushes: [["x"]],
  },

  {
    name: "reads a streamed string",
    wire: "$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;1\r\nd\r\n;0\r\n",
    text: ["Hello word"],
    binary: [bytes("Hello word")],
  },
  { name: "reads an empty streamed string", wire: "$?\r\n;0\r\n:1\r\n", text: ["", 1], binary: [bytes(""), 1] },
  {
    name: "joins a character that spans two parts of a streamed string",
    wire: "$?\r\n;1\r\n\xe2\r\n;2\r\n\x82\xac\r\n;0\r\n",
    text: ["\u20ac"],
    binary: [bytes("\xe2\x82\xac")],
  },
  {
    name: "keeps a part header inside a streamed string",
    wire: "$?\r\n;4\r\n;0\r\n\r\n;0\r\n",
    text: [";0\r\n"],
    binary: [bytes(";0\r\n")],
  },
  { name: "reads a streamed array", wire: "*?\r\n:1\r\n*?\r\n.\r\n*2\r\n:2\r\n:3\r\n.\r\n", text: [[1, [], [2, 3]]] },
  { name: "reads a streamed set", wire: "~?\r\n:1\r\n:2\r\n.\r\n", text: [new Set([1, 2])] },
  {
    name: "reads a streamed map",
    wire: "%?\r\n+a\r\n:1\r\n+b\r\n:2\r\n.\r\n%?\r\n.\r\n",
    text: [new Map([["a", 1], ["b", 2]]), new Map()],
  },
  {
    name: "reads streamed strings inside streamed aggregates",
    wire: "*?\r\n$?\r\n;1\r\na\r\n;0\r\n%?\r\n$?\r\n;0\r\n~?\r\n.\r\n.\r\n.\r\n",
    text: [["a", new Map([["", new Set()]])]],
    binary: [[bytes("a"), new Map([[bytes(""), new Set()]])]],
  },
  {
    name: "reads every type in one array",
    wire:
      "*12\r\n+a\r\n-E b\r\n:1\r\n$1\r\nc\r\n_\r\n#t\r\n,1.5\r\n(2\r\n!3\r\nF d\r\n=5\r\ntxt:e\r\n%1\r\n+f\r\n:3\r\n~1\r\n:4\r\n",
    text: [[
      "a",
      new ReplyError("E b"),
      1,
      "c",
      null,
      true,
      1.5,
      2n,
      new ReplyError("F d"),
      "e",
      new Map([["f", 3]]),
      new Set([4]),
    ]],
    binary: [[
      "a",
      new ReplyError("E b"),
      1,
      bytes("c"),
      null,
      true,
      1.5,
      2n,
      new ReplyError("F d"),
      bytes("e"),
      new Map([["f", 3]]),
      new Set([4]),
    ]],
  },
];

/** Converts a string to bytes, one for each character. */
function bytes(characters: string): Uint8Array {
  return Uint8Array.from(characters, (character) => character.charCodeAt(0));
}

/** Converts a text to UTF-8, with one character for each byte. */
function latin1(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}
