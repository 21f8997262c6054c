import { describe, it } from "node:test";
import { Worker as NodeThread } from "node:worker_threads";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { ThreadPool } from "../../../src/queue/threads/pool.ts";
import { eventually } from "../../support/poll.ts";
import { call, run } from "./calls.ts";

/** Counts the threads that this process has started so far, by the id of another one. */
async function started(): Promise<number> {
  const probe = new NodeThread(new URL("data:text/javascript,"));
  const { threadId } = probe;
  await probe.terminate();
  return threadId;
}

describe("ThreadPool.acquire()", () => {
  it("starts no thread before one is needed", async () => {
    const before = await started();
    const pool = new ThreadPool({ size: 4 });
    assertEquals(await started(), before + 1);
    assertEquals(await run(pool, "whichThread"), before + 2);
    await pool.close();
  });

  it("reuses a free thread", async () => {
    const pool = new ThreadPool({ size: 4 });
    const ids = [];
    for (let i = 0; i < 10; i++) ids.push(await run(pool, "whichThread"));
    assertEquals(new Set(ids).size, 1);
    await pool.close();
  });

  it("starts at most as many threads as its size", async () => {
    const pool = new ThreadPool({ size: 2 });
    const [one, two] = [await pool.acquire(), await pool.acquire()];
    let third = false;
    const waiting = pool.acquire().then((thread) => {
      third = true;
      return thread;
    });
    const ids = await Promise.all([one, two].map((thread) => thread.call(call("whichThread"))));
    assertEquals(new Set(ids).size, 2);
    assertEquals(third, false);
    two.release();
    assertEquals(await waiting, two);
    await pool.close();
  });

  it("ignores a second release() of a thread", async () => {
    const pool = new ThreadPool({ size: 1 });
    const thread = await pool.acquire();
    thread.release();
    thread.release();
    const again = await pool.acquire();
    await assertRejects(() => pool.acquire(AbortSignal.abort(new RangeError("enough"))), RangeError, "enough");
    let second = false;
    pool.acquire().then(() => second = true, () => {});
    await again.call(call("double", [1]));
    assertEquals(second, false);
    await pool.close();
  });

  it("serves callers in their order", async () => {
    const pool = new ThreadPool({ size: 1 });
    const order: number[] = [];
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const thread = await pool.acquire();
      order.push(i);
      await thread.call(call("double", [i]));
      thread.release();
    }));
    assertEquals(order, Array.from({ length: 20 }, (_, i) => i));
    await pool.close();
  });

  it("rejects with the reason of its signal, before or during the wait, and serves the next caller", async () => {
    const pool = new ThreadPool({ size: 1 });
    const thread = await pool.acquire();
    const reason = new RangeError("enough");
    await assertRejects(() => pool.acquire(AbortSignal.abort(reason)), RangeError, "enough");
    const controller = new AbortController();
    const waiting = pool.acquire(controller.signal);
    const next = pool.acquire();
    controller.abort(reason);
    await assertRejects(() => waiting, RangeError, "enough");
    thread.release();
    assertEquals(await next, thread);
    await pool.close();
  });

  it("loses no thread if its signal aborts just after a release", async () => {
    const pool = new ThreadPool({ size: 1 });
    const thread = await pool.acquire();
    const controller = new AbortController();
    const waiting = pool.acquire(controller.signal);
    thread.release();
    controller.abort(new RangeError("too late"));
    (await waiting).release();
    assertEquals(await run(pool, "double", [1]), 2);
    await pool.close();
  });

  it("replaces a terminated thread", async () => {
    const pool = new ThreadPool({ size: 1 });
    const thread = await pool.acquire();
    const next = pool.acquire();
    thread.terminate(new RangeError("enough"));
    thread.release();
    const other = await next;
    assert(other !== thread);
    assertEquals(await other.call(call("double", [1])), 2);
    await pool.close();
  });

  it("never returns a thread that is still running a call", async () => {
    const pool = new ThreadPool({ size: 1 });
    const thread = await pool.acquire();
    const left = assertRejects(
      () => thread.call(call("pause", [60_000])),
      StreaqError,
      "Task pause was cut off: its thread was released",
    );
    thread.release();
    await left;
    assertEquals(await run(pool, "double", [1]), 2);
    await pool.close();
  });
});

describe("ThreadPool.close()", () => {
  it("rejects running and waiting calls, and terminates every thread", async () => {
    const pool = new ThreadPool({ size: 2 });
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const [busy, lazy] = [await pool.acquire(), await pool.acquire()];
    const message = "Cannot use a thread: the pool is closed";
    const rejections = [
      assertRejects(() => busy.call(call("spin", [flag])), StreaqError, message),
      assertRejects(() => lazy.call(call("pause", [60_000])), StreaqError, message),
      assertRejects(() => pool.acquire(), StreaqError, message),
    ];
    await eventually(() => Atomics.load(flag, 0) === 1);
    await pool.close();
    await Promise.all(rejections);
    assertEquals([busy.isDead, lazy.isDead], [true, true]);
    busy.release();
    await assertRejects(() => pool.acquire(), StreaqError, message);
    await assertRejects(() => busy.call(call("double", [1])), StreaqError);
  });

  it("can be called twice, and before the first thread", async () => {
    const pool = new ThreadPool({ size: 2 });
    await Promise.all([pool.close(), pool.close()]);
    await pool.close();
  });
});

describe("The event loop", () => {
  it("stays free while threads compute", async () => {
    const pool = new ThreadPool({ size: 2 });
    const flags = Array.from({ length: 2 }, () => new Int32Array(new SharedArrayBuffer(4)));
    const spinning = flags.map((flag) => run(pool, "spin", [flag]));
    await eventually(() => flags.every((flag) => Atomics.load(flag, 0) === 1));
    // They compute until this thread clears their flags.
    for (const flag of flags) Atomics.store(flag, 0, 0);
    await Promise.all(spinning);
    await pool.close();
  });
});
