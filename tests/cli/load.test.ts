import { resolve } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { assertEquals, assertRejects } from "@std/assert";
import { fileOf, loadWorker, type Location, parseLocation } from "../../src/cli/load.ts";
import { fixture } from "./command.ts";

describe("parseLocation()", () => {
  const cases: readonly [text: string, module: string, name?: string][] = [
    ["worker.ts", "worker.ts"],
    ["worker.ts:main", "worker.ts", "main"],
    ["./a/b/worker.ts:$main_1", "./a/b/worker.ts", "$main_1"],
    ["worker:main", "worker", "main"],
    ["worker.ts:größe", "worker.ts", "größe"],
    ["worker.ts:", "worker.ts:"],
    ["worker.ts:1st", "worker.ts:1st"],
    [":main", ":main"],
    ["a:b/worker.ts", "a:b/worker.ts"],
    ["a:b/worker.ts:main", "a:b/worker.ts", "main"],
    ["C:\\a\\worker.ts", "C:\\a\\worker.ts"],
    ["C:\\a\\worker.ts:main", "C:\\a\\worker.ts", "main"],
    ["C:worker", "C:worker"],
    ["file:///a/worker.ts", "file:///a/worker.ts"],
    ["file:///a/worker.ts:main", "file:///a/worker.ts", "main"],
    ["https://example.org/worker.ts", "https://example.org/worker.ts"],
    ["https://example.org:8080/worker.ts", "https://example.org:8080/worker.ts"],
    ["https://example.org:8080/worker.ts:main", "https://example.org:8080/worker.ts", "main"],
    ["jsr:@a/b", "jsr:@a/b"],
    ["jsr:@a/b:main", "jsr:@a/b", "main"],
    ["npm:package", "npm:package"],
  ];
  for (const [text, module, name] of cases) {
    it(`finds ${name === undefined ? "no export" : `the export ${name}`} in ${text}`, () => {
      assertEquals<Location>(parseLocation(text), { module, name });
    });
  }
});

describe("fileOf()", () => {
  it("returns the file of a path or a file URL, and undefined for other URLs", () => {
    const file = pathToFileURL(resolve("a b/worker.ts")).href;
    assertEquals(fileOf(parseLocation("a b/worker.ts:main"))?.href, file);
    assertEquals(fileOf(parseLocation(file))?.href, file);
    assertEquals(fileOf(parseLocation("https://example.org/worker.ts")), undefined);
    assertEquals(fileOf(parseLocation("jsr:@a/b")), undefined);
  });
});

describe("loadWorker()", () => {
  const load = (text: string) => loadWorker(parseLocation(text));

  const found: readonly [text: string, queueName: string][] = [
    [fixture("worker.ts"), "cli"],
    [fixture("worker.ts:other"), "other"],
    [fixture("worker.ts:default"), "other"],
    [fixture("default_only.ts"), "by-default"],
    [pathToFileURL(resolve(fixture("worker.ts"))).href, "cli"],
  ];
  for (const [text, queueName] of found) {
    it(`finds the worker of queue ${queueName} at ${text.replace(/^file:.*\//, "file:")}`, async () => {
      assertEquals((await load(text)).queueName, queueName);
    });
  }

  const missing: readonly [text: string, message: string][] = [
    ["no/such/worker.ts", "Cannot load no/such/worker.ts: no such file"],
    ["tests/cli", "Cannot load tests/cli: no such file"],
    [fixture("worker.ts:2"), `Cannot load ${fixture("worker.ts:2")}: no such file`],
    [fixture("worker.ts:wurker"), `${fixture("worker.ts")}: expected an export wurker, got add, crash, default, `],
    [fixture("nothing.ts"), "nothing.ts: expected an export worker or default, got answer"],
    [fixture("nothing.ts:answer"), "nothing.ts: expected export answer to be a Worker, got a number"],
    [fixture("worker.ts:notWorker"), "expected export notWorker to be a Worker, got an instance of Object"],
    [fixture("worker.ts:add"), "expected export add to be a Worker, got a function"],
    [fixture("throws.ts"), `Cannot load ${fixture("throws.ts")}: The module has failed`],
    [fixture("needs_tsx.ts"), `Cannot load ${fixture("needs_tsx.ts")}: This version of Node needs tsx`],
  ];
  for (const [text, message] of missing) {
    it(`refuses ${text} with an explanation`, async () => {
      await assertRejects(() => load(text), Error, message);
    });
  }
});
