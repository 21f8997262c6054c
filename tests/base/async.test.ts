import { getEventListeners } from "node:events";
import process from "node:process";
import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { abortable, deferred, delay, Notice, within } from "../../src/base/async.ts";
import { TestClock } from "../../src/base/test_clock.ts";

/** Resolves after the current turn of the event loop, and thus after every promise that is settled by then. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const never = () => new Promise<never>(() => {});

const listeners = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

/** Counts the reactions that are added to a promise: none of them can be removed again. */
function countReactions(promise: Promise<unknown>): () => number {
  let count = 0;
  const { then } = promise;
  Object.defineProperty(promise, "then", {
    value: (...args: unknown[]) => {
      count++;
      return Reflect.apply(then, promise, args);
    },
  });
  return () => count;
}

describe("abortable()", () => {
  it("settles like the promise", async () => {
    const { signal } = new AbortController();
    assertEquals(await abortable(Promise.resolve(1), signal), 1);
    await assertRejects(() => abortable(Promise.reject(new RangeError("no")), signal), RangeError, "no");
    await assertRejects(() => abortable(Promise.reject(new RangeError("no")), undefined), RangeError, "no");
  });

  it("rejects with the reason of a signal that is aborted before or during the wait", async () => {
    const reason = new RangeError("enough");
    await assertRejects(() => abortable(never(), AbortSignal.abort(reason)), RangeError, "enough");
    const controller = new AbortController();
    const waiting = abortable(never(), controller.signal);
    controller.abort(reason);
    await assertRejects(() => waiting, RangeError, "enough");
  });

  it("handles a promise that rejects after the abort", async () => {
    const { promise, reject } = deferred<void>();
    await assertRejects(() => abortable(promise, AbortSignal.abort(new RangeError("enough"))), RangeError);
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    try {
      reject(new Error("late"));
      await turn();
      await turn();
    } finally {
      process.off("unhandledRejection", onUnhandled);
    }
    assertEquals(unhandled, []);
  });

  it("settles every caller that waits for the same promise, and callers that come after it has settled", async () => {
    const { promise, resolve } = deferred<number>();
    const { signal } = new AbortController();
    const waiting = [abortable(promise, signal), abortable(promise, signal)];
    resolve(1);
    assertEquals(await Promise.all(waiting), [1, 1]);
    assertEquals(await abortable(promise, signal), 1);
  });

  it("leaves no listener on the signal after the promise has settled", async () => {
    const { signal } = new AbortController();
    await abortable(Promise.resolve(), signal);
    await abortable(Promise.reject(new Error("no")), signal).catch(() => {});
    assertEquals(listeners(signal), 0);
  });

  it("adds one reaction to a promise, however many callers give up on it", async () => {
    const promise = never();
    const reactions = countReactions(promise);
    for (let i = 0; i < 100; i++) {
      const controller = new AbortController();
      const waiting = abortable(promise, controller.signal);
      controller.abort(new RangeError("enough"));
      await assertRejects(() => waiting, RangeError);
    }
    assertEquals(reactions(), 1);
  });
});

describe("within()", () => {
  const late = () => new RangeError("late");

  it("settles like a promise that settles in time, and cancels its timer", async () => {
    let timers = 0;
    const clock = {
      now: () => 0,
      monotonic: () => 0,
      timer() {
        timers++;
        return { cancel: () => void timers-- };
      },
    };
    assertEquals(await within(Promise.resolve(1), 1000, { clock, late }), 1);
    await assertRejects(() => within(Promise.reject(new TypeError("no")), 1000, { clock, late }), TypeError, "no");
    assertEquals(timers, 0);
  });

  it("rejects with the given error after the time", async () => {
    const clock = new TestClock();
    const waiting = within(never(), 5000, { clock, late });
    const rejected = assertRejects(() => waiting, RangeError, "late");
    await clock.advance(5000);
    await rejected;
  });

  it("adds one reaction to a promise, however many callers give up on it", async () => {
    const clock = new TestClock();
    const promise = never();
    const reactions = countReactions(promise);
    for (let i = 0; i < 100; i++) {
      const rejected = assertRejects(() => within(promise, 5, { clock, late }), RangeError);
      await clock.advance(5);
      await rejected;
    }
    assertEquals(reactions(), 1);
  });
});

describe("delay()", () => {
  it("resolves after the time, not before", async () => {
    const clock = new TestClock();
    let isOver = false;
    void delay(1000, { clock }).then(() => isOver = true);
    await clock.advance(999);
    assertEquals(isOver, false);
    await clock.advance(1);
    assertEquals(isOver, true);
  });

  it("rejects with the reason of a signal that is aborted before or during the wait", async () => {
    const clock = new TestClock();
    const controller = new AbortController();
    const waiting = delay(1000, { clock, signal: controller.signal });
    controller.abort(new RangeError("enough"));
    await assertRejects(() => waiting, RangeError, "enough");
    await assertRejects(() => delay(1, { clock, signal: controller.signal }), RangeError, "enough");
  });

  it("leaves no listener on the signal", async () => {
    const clock = new TestClock();
    const { signal } = new AbortController();
    const waiting = delay(1000, { clock, signal });
    assertEquals(listeners(signal), 1);
    await clock.advance(1000);
    await waiting;
    assertEquals(listeners(signal), 0);
  });
});

describe("Notice", () => {
  it("wakes every caller that waits, and none that waits later", async () => {
    const notice = new Notice();
    const woken: number[] = [];
    notice.wait().then(() => woken.push(1));
    notice.wait().then(() => woken.push(2));
    notice.notify();
    notice.wait().then(() => woken.push(3));
    await turn();
    assertEquals(woken, [1, 2]);
    assertEquals(notice.waiters, 1);
  });

  it("wakes a caller that waits with a limit", async () => {
    const clock = new TestClock();
    const { signal } = new AbortController();
    const notice = new Notice();
    const waiting = notice.waitAtMost(1000, { clock, signal });
    notice.notify();
    await waiting;
    assertEquals([notice.waiters, listeners(signal), clock.monotonic()], [0, 0, 0]);
  });

  it("holds no caller whose time is over or whose signal was aborted", async () => {
    const clock = new TestClock();
    const { signal } = new AbortController();
    const notice = new Notice();
    for (let i = 0; i < 100; i++) {
      const waiting = notice.waitAtMost(1000, { clock, signal });
      assertEquals([notice.waiters, listeners(signal)], [1, 1]);
      await clock.advance(1000);
      await waiting;
    }
    assertEquals([notice.waiters, listeners(signal)], [0, 0]);

    const controller = new AbortController();
    const waiting = notice.waitAtMost(1000, { clock, signal: controller.signal });
    controller.abort();
    await waiting;
    await notice.waitAtMost(1000, { clock, signal: controller.signal });
    assertEquals(notice.waiters, 0);
  });
});
