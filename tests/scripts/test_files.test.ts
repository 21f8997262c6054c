import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { findRedisTests, findTests } from "../../scripts/test_files.mjs";

describe("findTests()", () => {
  it("finds the test files with one of the texts in their path, or all without a text", () => {
    assertEquals(findTests(["scripts/test_files", "no such file"]), ["tests/scripts/test_files.test.ts"]);
    assert(findTests().length > findTests(["scripts/"]).length);
  });

  it("finds the long tests when they are asked for, and then no others", () => {
    const [long, others] = [findTests([], { long: true }), findTests()];
    assert(long.includes("tests/faults/drain_crash.long.test.ts"));
    assert(long.every((file) => file.endsWith(".long.test.ts") && !others.includes(file)));
  });
});

describe("findRedisTests()", () => {
  const server = "tests/support/redis_server.ts";
  const behaviour = "tests/queue/behaviour.ts";
  const files: Record<string, string> = {
    [server]: 'import { connect } from "node:net";',
    [behaviour]: 'import { onRedis } from "../support/redis_server.ts";',
    "tests/support/scene.ts": 'import { delay } from "./loop.ts"; export * from "./redis_server.ts";',
    "tests/support/loop.ts": 'export * from "./loop.ts"; import { x } from "../../src/x.ts";',
    "tests/direct.test.ts":
      'import { assert } from "@std/assert";\nimport {\n  start,\n} from "./support/redis_server.ts";',
    "tests/indirect.test.ts": 'import { scene } from "./support/scene.ts";',
    "tests/side_effect.test.ts": 'import "./support/scene.ts";',
    "tests/types.test.ts":
      'import type { Server } from "./support/redis_server.ts"; export type * from "./support/scene.ts";',
    "tests/behaviour.test.ts": 'import { behaviour } from "./queue/behaviour.ts";',
    "tests/both.test.ts": 'import { behaviour } from "./queue/behaviour.ts"; import "./support/scene.ts";',
    "tests/dynamic.test.ts": 'const { scene } = await import("./support/scene.ts");',
    "tests/program.test.ts": 'const program = new URL("./fixtures/program.ts", import.meta.url);',
    "tests/fixtures/program.ts": 'import "../support/scene.ts";',
    "tests/gone.test.ts": 'const gone = new URL("./fixtures/gone.ts", import.meta.url);',
    "tests/neither.test.ts": 'import { delay } from "./support/loop.ts"; "./support/redis_server.ts";',
  };

  it("returns the files that load the module that starts servers, except through behaviour()", () => {
    const tests = Object.keys(files).filter((file) => file.endsWith(".test.ts"));
    const names = findRedisTests(tests, (file) => files[file]).map((file) =>
      file.slice("tests/".length, -".test.ts".length)
    );
    assertEquals(names, ["direct", "indirect", "side_effect", "both", "dynamic", "program"]);
  });

  it("throws if one of the two modules does not exist", () => {
    assertThrows(() => findRedisTests([], () => undefined), Error, `${server} does not exist`);
  });

  it("divides the test files of this repository", () => {
    const tests = findTests();
    const redis = findRedisTests(tests);
    assert(redis.includes("tests/support/redis_server.test.ts"));
    assert(!redis.includes("tests/scripts/test_files.test.ts"));
    assert(redis.length < tests.length);
  });
});
