import { getEventListeners } from "node:events";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { startChild } from "../../src/cli/child.ts";

describe("startChild()", () => {
  it("adds one listener to each signal, however many processes run, and removes it when they have exited", async () => {
    const [stop, kill] = [new AbortController(), new AbortController()];
    const listeners = () => [stop, kill].map(({ signal }) => getEventListeners(signal, "abort").length);
    const children = Array.from(
      { length: 12 },
      () => startChild(["node", "-e", "setInterval(() => {}, 60_000)"], { stop: stop.signal, kill: kill.signal }),
    );
    assertEquals(listeners(), [1, 1]);
    kill.abort();
    const exits = await Promise.all(children.map(({ exited }) => exited));
    assertEquals(exits, Array(12).fill({ code: 137, isExplained: false }));
    assertEquals(listeners(), [0, 0]);
  });
});
