import { getEventListeners } from "node:events";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { onAbort } from "../../src/base/abort.ts";

describe("onAbort()", () => {
  it("calls each callback once when the signal is aborted, in order", () => {
    const controller = new AbortController();
    const calls: string[] = [];
    onAbort(controller.signal, () => calls.push("first"));
    onAbort(controller.signal, () => calls.push("second"));
    controller.abort();
    controller.abort();
    assertEquals(calls, ["first", "second"]);
  });

  it("calls the callback immediately when the signal is aborted already", () => {
    let calls = 0;
    const remove = onAbort(AbortSignal.abort(), () => calls++);
    assertEquals(calls, 1);
    remove();
  });

  it("does not call a callback that was removed, not even by an earlier callback", () => {
    const controller = new AbortController();
    const calls: string[] = [];
    const removers: (() => void)[] = [];
    onAbort(controller.signal, () => removers.forEach((remove) => remove()));
    removers.push(onAbort(controller.signal, () => calls.push("removed")));
    onAbort(controller.signal, () => calls.push("kept"));
    controller.abort();
    assertEquals(calls, ["kept"]);
  });

  it("takes the same function twice", () => {
    const controller = new AbortController();
    let calls = 0;
    const callback = () => calls++;
    const remove = onAbort(controller.signal, callback);
    onAbort(controller.signal, callback);
    remove();
    remove();
    controller.abort();
    assertEquals(calls, 1);
  });

  it("adds one listener to the signal however many callbacks wait, and removes it with the last", () => {
    const { signal } = new AbortController();
    const listeners = () => getEventListeners(signal, "abort").length;
    const removers = Array.from({ length: 100 }, () => onAbort(signal, () => {}));
    assertEquals(listeners(), 1);
    for (const remove of removers.slice(1)) remove();
    assertEquals(listeners(), 1);
    removers[0]!();
    assertEquals(listeners(), 0);
    onAbort(signal, () => {});
    assertEquals(listeners(), 1);
  });
});
