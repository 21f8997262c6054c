import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { findCircles, findWrongImports } from "../../scripts/check/imports.ts";
import { findKeys, readFamilies } from "../../scripts/check/keys.ts";
import { parse } from "../../scripts/check/source.ts";
import { findUncounted } from "../../scripts/check/tests.ts";
import { findTime } from "../../scripts/check/time.ts";

describe("findWrongImports()", () => {
  const cases: [path: string, code: string, allowed: boolean][] = [
    ["src/redis/a.ts", 'import { b } from "./b.ts"', true],
    ["src/redis/a.ts", 'import { b } from "../resp/b.ts"', true],
    ["src/resp/a.ts", 'import { b } from "../redis/b.ts"', false],
    ["src/resp/a.ts", 'import type { B } from "../redis/b.ts"', false],
    ["src/resp/a.ts", 'export * from "../redis/b.ts"', false],
    ["src/resp/a.ts", 'await import("../redis/b.ts")', false],
    ["src/resp/a.ts", 'type B = import("../redis/b.ts").B', false],
    ["src/resp/deep/a.ts", 'import { b } from "../../base/b.ts"', true],
    ["src/resp/a.ts", 'import { b } from "../../tests/b.ts"', false],
    ["src/queue/a.ts", 'import { open } from "../broker/open.ts"', true],
    ["src/queue/a.ts", 'import type { Broker } from "../broker/contract/broker.ts"', true],
    ["src/queue/a.ts", 'import type { Keys } from "../broker/redis/keys.ts"', false],
    ["src/queue/a.ts", 'import type { Reply } from "../resp/reply.ts"', true],
    ["src/queue/a.ts", 'import { type Reply } from "../resp/reply.ts"', true],
    ["src/queue/a.ts", 'export type * from "../resp/reply.ts"', true],
    ["src/queue/a.ts", 'import { type Reply, encode } from "../resp/reply.ts"', false],
    ["src/queue/a.ts", 'import "../redis/client.ts"', false],
    ["src/web/a.ts", 'import { x } from "../redis/client.ts"', false],
    ["src/cli/a.ts", 'import { x } from "../redis/client.ts"', true],
    ["src/queue/a.ts", 'import fs from "node:fs"', true],
    ["src/queue/a.ts", 'import { Cron } from "croner"', true],
    ["src/queue/a.ts", 'import x from "croner-not"', false],
    ["src/queue/run/a.ts", 'import { b } from "../threads/b.ts"', true],
    ["src/queue/run/a.ts", 'import type { b } from "../enqueue/b.ts"', false],
    ["src/queue/tasks/a.ts", 'import type { B } from "../records/b.ts"', false],
    ["src/queue/tasks/a.ts", 'import type { Worker } from "../worker.ts"', false],
    ["src/queue/enqueue/registered_task.ts", 'import type { Worker } from "../worker.ts"', true],
    ["src/queue/enqueue/registered_task.ts", 'import { Worker } from "../worker.ts"', false],
    ["src/queue/attic/a.ts", 'import { b } from "../run/b.ts"', false],
    ["src/broker/redis/a.ts", 'import { b } from "../memory/b.ts"', false],
    ["src/broker/redis/a.ts", 'import { b } from "./scripts/end/b.ts"', true],
    ["src/broker/redis/scripts/end/a.ts", 'import { b } from "../lua/b.ts"', true],
    ["src/broker/redis/scripts/end/a.ts", 'import type { Keys } from "../../keys.ts"', true],
    ["src/broker/redis/scripts/end/a.ts", 'import { b } from "../../listing.ts"', false],
    ["src/broker/redis/scripts/lua/a.ts", 'import { b } from "../end/b.ts"', false],
  ];
  for (const [path, code, allowed] of cases) {
    it(`${allowed ? "allows" : "refuses"} in ${path}: ${code}`, () => {
      assertEquals([...findWrongImports(parse(path, code), ["croner"])].length, allowed ? 0 : 1);
    });
  }
});

describe("findCircles()", () => {
  const find = (files: Record<string, string>) =>
    findCircles(Object.entries(files).map(([path, code]) => parse(path, code)));

  it("finds files that import each other in a circle, type imports included", () => {
    const circles = find({
      "src/base/a.ts": 'import type { B } from "./b.ts"',
      "src/base/b.ts": 'export * from "./c.ts"',
      "src/base/c.ts": 'await import("./a.ts")',
      "src/base/d.ts": 'import { a } from "./a.ts"',
    });
    assertEquals(circles, [["src/base/a.ts", "src/base/b.ts", "src/base/c.ts"]]);
  });

  it("finds none in a tree, and ignores the exception", () => {
    const circles = find({
      "src/queue/worker.ts": 'import { a } from "./enqueue/registered_task.ts"',
      "src/queue/enqueue/registered_task.ts": 'import type { Worker } from "../worker.ts"; import "./b.ts"',
      "src/queue/enqueue/b.ts": "",
    });
    assertEquals(circles, []);
  });
});

describe("findKeys()", () => {
  const families = readFamilies(parse("keys.ts", 'key(":ts:wake"); key(":task:data:", id); key("workers")'));
  const cases: [code: string, found: string[]][] = [
    ["redis.command(['GET', `${prefix}:task:data:${id}`])", [":task:data:"]],
    ["`${a}:ts:wake:${b}:task:`", [":ts:wake:", ":task:"]],
    ["`redis.call('GET', prefix .. ':task:' .. kind)`", [":task:"]],
    ["`streaq:${queue}`; 'streaq:' + queue", ["streaq:", "streaq:"]],
    ["'streaq:load'; `:taskdata`; ':other:data:'; lua.data('id')", []],
    ["/** The hash `:ts:wake`. */ f(); // :task:data:", []],
    ["`-- Publishes on :ts:wake\n-- :task:data:`", []],
  ];
  for (const [code, found] of cases) {
    it(`finds ${found.length} in ${JSON.stringify(code)}`, () => {
      assertEquals([...findKeys(parse("a.ts", code), families)], found.map((key) => `a.ts:1 has ${key}`));
    });
  }

  it("names the line within a script", () => {
    assertEquals([...findKeys(parse("a.ts", "f(`\n\n':ts:wake'`)"), families)], ["a.ts:3 has :ts:wake"]);
  });
});

describe("findTime()", () => {
  const cases: [code: string, found: string[]][] = [
    ["Date.now(); globalThis.Date.now()", ["Date.now", "globalThis.Date.now"]],
    ["new Date(); new globalThis.Date(); Date()", ["new Date()", "new globalThis.Date()", "Date()"]],
    ["new Date(0); Date.parse(x)", []],
    ["performance.now(); AbortSignal.timeout(1)", ["performance.now", "AbortSignal.timeout"]],
    ["setTimeout(f); setInterval(f)", ["setTimeout", "setInterval"]],
    ["socket.setTimeout(1); const { setTimeout: later } = globalThis", ["setTimeout", "setTimeout"]],
    ['import { setTimeout as delay } from "node:timers/promises"', ["setTimeout"]],
    ['"setTimeout(f)"; // Date.now()\n/** {@linkcode setTimeout} */ f(clock.now()); constructor.now()', []],
  ];
  for (const [code, found] of cases) {
    it(`finds ${found.length} in ${code}`, () => {
      assertEquals([...findTime(parse("a.ts", code))], found.map((text) => `a.ts:1 has ${text}`));
    });
  }
});

describe("findUncounted()", () => {
  const cases: [code: string, count: number][] = [
    ['describe("a", async () => {})', 1],
    ['describe("a", { timeout: 1 }, async function () {})', 1],
    ['describe.skip("a", async () => {})', 1],
    ['behaviour("a", async (stage) => {})', 1],
    ['describe("a", () => { it("b", async () => {}) })', 0],
    ['it.only("a", () => {})', 1],
    ['it("a", (t) => t.skip())', 1],
    ['it("a", async (t) => { await t.test("b", () => {}) })', 1],
    ['it("a", { skip: "why" }, () => {}); /x/.test("x")', 0],
  ];
  for (const [code, count] of cases) {
    it(`finds ${count} in ${code}`, () => {
      assertEquals([...findUncounted(parse("a.test.ts", code))].length, count);
    });
  }
});
