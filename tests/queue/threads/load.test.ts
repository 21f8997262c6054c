import process from "node:process";
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { TestClock } from "../../../src/base/test_clock.ts";
import { loadTimeout, ThreadPool } from "../../../src/queue/threads/pool.ts";
import { spawn } from "../../../src/queue/threads/spawn.ts";
import { Thread } from "../../../src/queue/threads/thread.ts";
import { call, fixture, run } from "./calls.ts";

const faulty = fixture("faulty");

/** Loads a module with a fault in the only thread of a pool, and returns the error. The next call gets another thread. */
async function failureOf(fault: string, options: { loadTimeout?: number } = {}): Promise<Error> {
  process.env["STREAQ_TEST_FAULT"] = fault;
  const pool = new ThreadPool({ size: 1, ...options });
  const thread = await pool.acquire();
  const next = run(pool, "double", [21]);
  const error = await assertRejects(() => thread.load(faulty, "work"), StreaqError) as Error;
  thread.release();
  assert(thread.isDead);
  assertEquals(await next, 42);
  await pool.close();
  return error;
}

describe("Thread.load()", () => {
  it("imports a module so that its functions can be called, and later another one", async () => {
    const pool = new ThreadPool({ size: 1 });
    const ids = [];
    for (const module of [fixture("tasks"), fixture("failures"), fixture("tasks")]) {
      const thread = await pool.acquire();
      await thread.load(module, "whichThread");
      ids.push(await thread.call(call("whichThread")));
      thread.release();
    }
    assertEquals(new Set(ids).size, 1);
    await pool.close();
  });

  const hanging: [what: string, fault: string][] = [
    ["waits for ever", "waits"],
    ["waits for ever after it has registered its functions", "registers-and-waits"],
    ["blocks the thread for ever", "blocks"],
  ];
  for (const [what, fault] of hanging) {
    it(`fails after a while when the import ${what}, and ends the thread`, async () => {
      const { message } = await failureOf(fault, { loadTimeout: 300 });
      assertEquals(message, `Cannot load module ${faulty} in a thread: its import did not finish within 300 ms`);
    });
  }

  it("has a limit that does not count for the functions of the module", async () => {
    const clock = new TestClock();
    const owner = { released: () => {}, exited: () => {} };
    const thread = new Thread({ start: spawn, owner, loadTimeout, clock });
    await thread.load(fixture("tasks"), "double");
    await clock.advance(loadTimeout);
    assertEquals(await thread.call(call("double", [21])), 42);
    process.env["STREAQ_TEST_FAULT"] = "waits";
    const loading = assertRejects(() => thread.load(faulty, "work"), StreaqError, "within 10000 ms");
    await clock.advance(loadTimeout);
    await loading;
    await thread.exited;
  });

  it("does not fail for an event loop that was blocked until after the limit", async () => {
    const pool = new ThreadPool({ size: 1, loadTimeout: 2000 });
    const thread = await pool.acquire();
    const loading = thread.load(fixture("tasks"), "double");
    const end = performance.now() + 2200;
    while (performance.now() < end);
    await loading;
    thread.release();
    await pool.close();
  });

  const error = { name: "PaymentError", message: "no money", nested: "TypeError: deeper" };
  const throwing: [what: string, fault: string, cause: { name: string; message: string; nested?: string }][] = [
    ["throws an error", "throws", error],
    ["throws an error after it has registered its functions", "registers-and-throws", error],
    ["throws a text", "throws-text", { name: "Error", message: "Thrown: text" }],
    ["throws nothing", "throws-nothing", { name: "Error", message: "Thrown: undefined" }],
  ];
  for (const [what, fault, { name, message, nested }] of throwing) {
    it(`fails when the module ${what}, and ends the thread`, async () => {
      const error = await failureOf(fault);
      assertEquals(error.message, `Cannot import module ${faulty} in a thread: ${message}`);
      const cause = error.cause as Error;
      assertEquals([cause.name, cause.message, cause.cause?.toString()], [name, message, nested]);
      assertStringIncludes(cause.stack!, message);
    });
  }

  it("fails when the module ends the thread", async () => {
    assertEquals((await failureOf("exits")).message, "Cannot start a thread for task work");
  });

  it("fails when no thread can be started", async () => {
    const [clock, exited] = [new TestClock(), new Array<Thread>()];
    const owner = { released: () => {}, exited: (thread: Thread) => exited.push(thread) };
    const start = () => {
      throw new RangeError("out of memory");
    };
    const thread = new Thread({ start, owner, loadTimeout, clock });
    const error = await assertRejects(() => thread.load(fixture("tasks"), "double"), StreaqError) as Error;
    assertEquals([error.message, (error.cause as Error).message], [
      "Cannot start a thread for task double",
      "out of memory",
    ]);
    assertEquals(exited, [thread]);
    await thread.exited;
  });
});

describe("A module that registers two functions of one name", () => {
  it("fails the task, since a call could reach the wrong one", async () => {
    const pool = new ThreadPool({ size: 1 });
    const message = "Cannot run task send in a thread: its module registers two functions of this name";
    await assertRejects(() => run(pool, "send", [], fixture("ambiguous")), StreaqError, message);
    assertEquals(await run(pool, "once", [], fixture("ambiguous")), "once");
    await pool.close();
  });
});
