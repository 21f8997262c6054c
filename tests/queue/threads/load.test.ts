import process from "node:process";
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { ThreadPool } from "../../../src/queue/threads/pool.ts";
import { Thread } from "../../../src/queue/threads/thread.ts";
import { call, fixture, run } from "./calls.ts";

const faulty = fixture("faulty");

/** Loads a module with a fault in the only thread of a pool, and returns the error. The next call gets another thread. */
async function failureOf(fault: string): Promise<Error> {
  process.env["STREAQ_TEST_FAULT"] = fault;
  const pool = new ThreadPool({ size: 1 });
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
    const exited: Thread[] = [];
    const owner = { released: () => {}, exited: (thread: Thread) => exited.push(thread) };
    const start = () => {
      throw new RangeError("out of memory");
    };
    const thread = new Thread({ start, owner });
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
