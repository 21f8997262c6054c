import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { abortable, deferred, delay, Notice, within } from "../../src/base/async.ts";
import { systemClock as clock } from "../../src/base/clock.ts";

const never = new Promise<never>(() => {});

describe("abortable()", () => {
  it("passes on what the promise gives", async () => {
    assertEquals(await abortable(Promise.resolve(1), new AbortController().signal), 1);
    await assertRejects(() => abortable(Promise.reject(new RangeError("no")), undefined), RangeError, "no");
  });

  it("rejects with the reason, before or while it waits", async () => {
    const reason = new RangeError("enough");
    await assertRejects(() => abortable(never, AbortSignal.abort(reason)), RangeError, "enough");
    const controller = new AbortController();
    const waiting = abortable(never, controller.signal);
    controller.abort(reason);
    await assertRejects(() => waiting, RangeError, "enough");
  });

  it("leaves no unhandled rejection behind", async () => {
    const { promise, reject } = deferred<void>();
    await assertRejects(() => abortable(promise, AbortSignal.abort(new RangeError("enough"))), RangeError);
    reject(new Error("late"));
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

describe("delay()", () => {
  it("waits", async () => {
    const start = performance.now();
    await delay(20, { clock });
    assertEquals(performance.now() - start >= 18, true);
  });

  it("rejects with the reason", async () => {
    const controller = new AbortController();
    const waiting = delay(60_000, { clock, signal: controller.signal });
    controller.abort(new RangeError("enough"));
    await assertRejects(() => waiting, RangeError, "enough");
    await assertRejects(() => delay(1, { clock, signal: controller.signal }), RangeError, "enough");
  });
});

describe("within()", () => {
  const late = () => new RangeError("late");

  it("passes on what comes in time", async () => {
    assertEquals(await within(Promise.resolve(1), 1000, { clock, late }), 1);
    assertEquals(await within(Promise.resolve(1), null, { clock, late }), 1);
  });

  it("rejects with the given error afterwards", async () => {
    await assertRejects(() => within(never, 5, { clock, late }), RangeError, "late");
  });
});

describe("Notice", () => {
  it("wakes all who wait, and nobody who comes later", async () => {
    const notice = new Notice();
    const woken: number[] = [];
    notice.wait().then(() => woken.push(1));
    notice.wait().then(() => woken.push(2));
    notice.notify();
    notice.wait().then(() => woken.push(3));
    await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(woken, [1, 2]);
  });
});
