import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import {
  blockingTime,
  dedicatedRefusal,
  isHarmless,
  sharedRefusal,
  transactionRefusal,
} from "../../src/redis/rules.ts";
import type { CommandArguments } from "../../src/redis/mod.ts";

const words = (line: string): CommandArguments => line.split(" ") as unknown as CommandArguments;

const both = ["GET a", "SET a b", "XADD s * a b", "XREAD STREAMS s 0", "XREAD COUNT 1 STREAMS block 0", "CLIENT LIST"];
const grouped = ["XREADGROUP GROUP block c STREAMS s >", "XREADGROUP GROUP g BLOCK COUNT 1 STREAMS s >"];
const dedicatedOnly = [
  "BLPOP a 0",
  "blpop a 0",
  "BlPop a 0",
  "BRPOP a 0",
  "BLMOVE a b LEFT LEFT 0",
  "BLMPOP 0 1 a LEFT",
  "BRPOPLPUSH a b 0",
  "BZPOPMIN a 0",
  "BZPOPMAX a 0",
  "BZMPOP 0 1 a MIN",
  "XREAD BLOCK 0 STREAMS s $",
  "XREADGROUP GROUP g c COUNT 1 block 5 STREAMS s >",
  "WAIT 1 0",
  "WAITAOF 1 0 0",
  "WATCH a",
  "UNWATCH",
  "SELECT 1",
  "AUTH x",
  "MULTI",
  "EXEC",
  "DISCARD",
];
const never = [
  "SUBSCRIBE a",
  "PSUBSCRIBE a",
  "SSUBSCRIBE a",
  "UNSUBSCRIBE",
  "MONITOR",
  "HELLO 3",
  "RESET",
  "quit",
  "CLIENT REPLY OFF",
  "client reply skip",
  "SYNC",
];

describe("sharedRefusal()", () => {
  for (const line of [...both, ...grouped]) {
    it(`allows ${line}`, () => assertEquals(sharedRefusal(words(line)), undefined));
  }
  for (const line of [...dedicatedOnly, ...never]) {
    it(`refuses ${line}, with its name`, () => {
      const name = line.split(" ")[0]!.toUpperCase();
      const refusal = sharedRefusal(words(line));
      assert(refusal instanceof TypeError);
      assert(refusal.message.startsWith(`Cannot send ${name}`), refusal.message);
    });
  }
});

describe("isHarmless()", () => {
  it("decides by the name alone, in any case", () => {
    for (const name of ["GET", "get", "EVALSHA", "JSON.GET", "", "constructor", "__proto__"]) assert(isHarmless(name));
    for (const name of ["BLPOP", "bLpOp", "XREAD", "client", "MULTI", "Subscribe"]) assert(!isHarmless(name));
  });
});

describe("dedicatedRefusal()", () => {
  for (const line of [...both, ...grouped, ...dedicatedOnly]) {
    it(`allows ${line}`, () => assertEquals(dedicatedRefusal(words(line)), undefined));
  }
  for (const line of never) it(`refuses ${line}`, () => assert(dedicatedRefusal(words(line))));
});

describe("transactionRefusal()", () => {
  for (const line of [...both, "BLPOP a 0"]) {
    it(`allows ${line}`, () => assertEquals(transactionRefusal(words(line)), undefined));
  }
  for (const line of [...never, "EXEC", "MULTI", "WATCH a", "SELECT 1"]) {
    it(`refuses ${line}`, () => assert(transactionRefusal(words(line))));
  }
});

describe("blockingTime()", () => {
  const cases: [CommandArguments, number][] = [
    [["GET", "a"], 0],
    [["BLPOP", "a", "b", 1.5], 1500],
    [["BLPOP", "a", "0.25"], 250],
    [["blmove", "a", "b", "LEFT", "LEFT", 2], 2000],
    [["BLMPOP", 3, 1, "a", "LEFT"], 3000],
    [["BLPOP", "a", 0], Infinity],
    [["XREAD", "BLOCK", 700, "STREAMS", "s", "$"], 700],
    [["XREAD", "BLOCK", "0", "STREAMS", "s", "$"], Infinity],
    [["XREAD", "STREAMS", "BLOCK", "5"], 0],
    [["XREADGROUP", "GROUP", "g", "BLOCK", "COUNT", 1, "BLOCK", 900n, "STREAMS", "s", ">"], 900],
    [["WAIT", 1, 400], 400],
    [["BLPOP", "a", "soon"], 0],
    [["BLPOP"], 0],
  ];
  for (const [args, ms] of cases) it(`of ${args.join(" ")} is ${ms} ms`, () => assertEquals(blockingTime(args), ms));
});
