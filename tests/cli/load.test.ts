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
  it("is the file of a path or of a file: URL, and nothing for what comes from elsewhere", () => {
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
    ["no/such/worker.ts", "No such file: no/such/worker.ts"],
    ["tests/cli", "No such file: tests/cli"],
    [fixture("worker.ts:2"), `No such file: ${fixture("worker.ts:2")}`],
    [fixture("worker.ts:wurker"), `No export wurker in ${fixture("worker.ts")}, which exports add, crash, default, `],
    [fixture("nothing.ts"), `No export worker or default in ${fixture("nothing.ts")}, which exports answer`],
    [fixture("nothing.ts:answer"), `Expected a Worker as the export answer of ${fixture("nothing.ts")}: a number`],
    [fixture("worker.ts:notWorker"), `as the export notWorker of ${fixture("worker.ts")}: a Object`],
    [fixture("worker.ts:add"), `as the export add of ${fixture("worker.ts")}: a function`],
    [fixture("throws.ts"), `Could not load ${fixture("throws.ts")}: The module is not in the mood`],
    [fixture("needs_tsx.ts"), `Could not load ${fixture("needs_tsx.ts")}: This version of Node runs TypeScript only`],
  ];
  for (const [text, message] of missing) {
    it(`says what is wrong with ${text}`, async () => {
      await assertRejects(() => load(text), Error, message);
    });
  }
});
