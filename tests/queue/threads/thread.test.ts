import { randomUUID } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqCancelled, StreaqError, StreaqRetry, TimeoutError } from "../../../src/base/errors.ts";
import { ThreadPool } from "../../../src/queue/threads/pool.ts";
import { eventually } from "../../support/poll.ts";
import { call, fixture, run } from "./calls.ts";

const pool = new ThreadPool({ size: 2 });
after(() => pool.close());

const failures = fixture("failures");

/** Returns the error that a call in the pool rejects with. */
async function failure(...args: Parameters<typeof call>): Promise<Error> {
  return await assertRejects(() => run(pool, ...args)) as Error;
}

describe("Thread.call()", () => {
  it("runs a registered function with its arguments", async () => {
    assertEquals(await run(pool, "double", [21]), 42);
    const rich = [1n, new Date(0), new Map([["a", new Uint8Array([1])]]), undefined, null, { deep: [NaN] }];
    assertEquals(await run(pool, "echo", rich), rich);
  });

  it("imports a module once per thread", async () => {
    const thread = await pool.acquire();
    const first = await thread.call(call("count")) as number;
    assertEquals(await thread.call(call("count")), first + 1);
    thread.release();
  });

  it("gives the function the context of its task", async () => {
    const context = { fnName: "context", taskId: "abc", tries: 3, timeout: 500, ttl: 1000 };
    const thread = await pool.acquire();
    const found = await thread.call({ ...call("context"), context });
    thread.release();
    assertEquals(found, { fields: context, same: true, aborted: false });
  });

  it("gives the function no worker context", async () => {
    const error = await failure("worker");
    assertInstanceOf(error, StreaqError);
    assertEquals(error.message, "Cannot read the worker context: a thread has no worker");
  });

  it("accepts one call at a time", async () => {
    const thread = await pool.acquire();
    const first = thread.call(call("pause", [50]));
    await assertRejects(() => thread.call(call("pause", [1])), StreaqError, "it is running task pause");
    assertEquals(await first, 50);
    thread.release();
  });

  it("rejects if the arguments cannot be cloned", async () => {
    const error = await failure("echo", [() => 1]);
    assertInstanceOf(error, StreaqError);
    assertEquals(
      error.message,
      "Cannot pass the arguments to the thread of task echo: structured cloning failed",
    );
    assert(error.cause !== undefined);
    assertEquals(await run(pool, "double", [1]), 2);
  });

  it("rejects if the result cannot be cloned", async () => {
    const error = await failure("uncloneable");
    assertInstanceOf(error, StreaqError);
    assertEquals(
      error.message,
      "Cannot pass the result out of the thread of task uncloneable: structured cloning failed",
    );
    assertInstanceOf(error.cause, Error);
    assertEquals(await run(pool, "double", [1]), 2);
  });

  it("names the module and the task if the module does not register the task", async () => {
    const module = fixture("silent");
    assertEquals(await run(pool, "double", [1]), 2);
    const error = await failure("double", [1], module);
    assertInstanceOf(error, StreaqError);
    assertEquals(error.message, `Cannot run task double in a thread: module ${module} does not register it`);
  });

  it("names the module if its import fails, and imports it again at the next call", async () => {
    const file = join(tmpdir(), `streaq-${randomUUID()}`);
    process.env["STREAQ_TEST_FILE"] = file;
    const narrow = new ThreadPool({ size: 1 });
    try {
      const module = fixture("throwing");
      const error = await assertRejects(() => run(narrow, "late", [], module)) as Error;
      assertInstanceOf(error, StreaqError);
      assertEquals(error.message, `Cannot import module ${module} in a thread: There is no file`);
      assertEquals((error.cause as Error).message, "There is no file");
      writeFileSync(file, "");
      assertEquals(await run(narrow, "late", [], module), "there");
    } finally {
      rmSync(file, { force: true });
      await narrow.close();
    }
  });

  const modules: [kind: string, module: string, message: string][] = [
    ["a file that does not exist", new URL("./fixtures/gone.ts", import.meta.url).href, "Cannot import module "],
    ["a relative path", "./fixtures/tasks.ts", "Cannot import module "],
    ["a URL of an unsupported scheme", "ftp://localhost/tasks.ts", "Cannot import module "],
    ["a module of the runtime", "node:fs", "does not register it"],
    ["a data URL", "data:text/javascript,export{}", "does not register it"],
  ];
  for (const [kind, module, message] of modules) {
    it(`rejects for ${kind}`, async () => {
      const error = await failure("double", [], module);
      assertInstanceOf(error, StreaqError);
      assertStringIncludes(error.message, message);
      assertStringIncludes(error.message, module);
    });
  }
});

describe("An error that a function throws in a thread", () => {
  it("keeps its name, message, stack and causes", async () => {
    const error = await failure("fail", ["too much"], failures);
    assertInstanceOf(error, RangeError);
    assertEquals(error.message, "too much");
    assertStringIncludes(error.stack!, "failures.ts");
    const cause = error.cause as Error;
    assertEquals([cause.name, cause.message], ["PaymentError", "no money"]);
    assertEquals((cause.cause as Error).message, "Thrown: a text");
    const later = await failure("failLater", [], failures);
    assertEquals([later.name, later.message], ["PaymentError", "later"]);
  });

  it("can be any value", async () => {
    for (const value of ["text", 0, null, undefined, { a: 1 }]) {
      assertEquals((await failure("failOddly", [value], failures)).message, `Thrown: ${value}`);
    }
  });

  it("stays a StreaqRetry, with its delay, schedule and cause", async () => {
    const after = await failure("retryAfter", [1500], failures);
    assertInstanceOf(after, StreaqRetry);
    assertEquals([after.message, after.delay, after.schedule], ["busy", 1500, undefined]);
    assertEquals((after.cause as Error).name, "PaymentError");
    assertStringIncludes(after.stack!, "failures.ts");
    const at = await failure("retryAt", [new Date(123)], failures);
    assertInstanceOf(at, StreaqRetry);
    assertEquals([at.delay, at.schedule, "cause" in at], [undefined, new Date(123), false]);
  });

  it("is a StreaqRetry by its class or by its name", async () => {
    const derived = await failure("retry", [], failures);
    assertInstanceOf(derived, StreaqRetry);
    assertEquals(derived.name, "MyRetry");
    const foreign = await failure("retryForeign", [20], failures);
    assertInstanceOf(foreign, StreaqRetry);
    assertEquals(foreign.delay, 20);
    assertInstanceOf(await failure("retryForeign", [-1], failures), RangeError);
  });
});

describe("Thread.abort()", () => {
  it("aborts the signal of the function, with the reason", async () => {
    for (const reason of [new StreaqCancelled("Aborted: id"), new TimeoutError("Too slow")]) {
      const thread = await pool.acquire();
      const waiting = thread.call(call("untilAborted"));
      thread.abort(reason);
      assertEquals(await waiting, { name: reason.name, message: reason.message });
      thread.release();
    }
  });

  it("leaves the outcome to the function", async () => {
    const thread = await pool.acquire();
    const waiting = thread.call(call("obedient"));
    thread.abort(new StreaqCancelled("enough"));
    await assertRejects(() => waiting, Error, "aborted");
    assertEquals(await thread.call(call("double", [2])), 4);
    thread.release();
  });

  it("does not affect a later call", async () => {
    const thread = await pool.acquire();
    await thread.call(call("double", [2]));
    thread.abort(new StreaqCancelled("too late"));
    const { aborted } = await thread.call(call("context")) as { aborted: boolean };
    assertEquals(aborted, false);
    thread.release();
  });
});

describe("Thread.terminate()", () => {
  it("ends a function that never returns", async () => {
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const thread = await pool.acquire();
    const waiting = assertRejects(() => thread.call(call("spin", [flag])), TimeoutError, "Too slow");
    await eventually(() => Atomics.load(flag, 0) === 1);
    thread.terminate(new TimeoutError("Too slow"));
    await waiting;
    await thread.exited;
    await assertRejects(() => thread.call(call("double", [1])), StreaqError, "double");
    thread.release();
    assertEquals(await run(pool, "double", [1]), 2);
  });

  it("ends a thread that has not started yet", async () => {
    const fresh = new ThreadPool({ size: 1 });
    const thread = await fresh.acquire();
    const waiting = thread.call(call("double", [1]));
    thread.terminate(new StreaqCancelled("enough"));
    await assertRejects(() => waiting, StreaqCancelled, "enough");
    thread.release();
    assertEquals(await run(fresh, "double", [1]), 2);
    await fresh.close();
  });
});

describe("A thread that dies", () => {
  const deaths: [how: string, fnName: string, cause: string | undefined][] = [
    ["by process.exit()", "exit", undefined],
    ["of an error in a timer", "stray", "from a timer"],
    ["of an unhandled rejection", "unhandled", "nobody listens"],
  ];
  for (const [how, fnName, cause] of deaths) {
    it(`${how} rejects its call and is replaced`, async () => {
      const narrow = new ThreadPool({ size: 1 });
      await run(narrow, "double", [1]);
      const error = await assertRejects(() => run(narrow, fnName, [0], failures)) as Error;
      assertInstanceOf(error, StreaqError);
      assertEquals(error.message, `Task ${fnName} was cut off: its thread exited`);
      assertEquals((error.cause as Error | undefined)?.message, cause);
      assertEquals(await run(narrow, "double", [2]), 4);
      await narrow.close();
    });
  }

  it("while it is idle is replaced", async () => {
    const narrow = new ThreadPool({ size: 1 });
    const thread = await narrow.acquire();
    await thread.call(call("strayLater", [10], failures));
    thread.release();
    await eventually(() => thread.isDead);
    assertEquals(await run(narrow, "double", [2]), 4);
    await narrow.close();
  });
});
