import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { Silence } from "../../../src/broker/redis/silence.ts";

const idleTimeout = 1000;

/** Observes one consumer at a time of both clocks; `activeTime` is when the server saw it last. */
function observe(silence: Silence, monotonic: number, serverTime: number, activeTime: number): void {
  const idle = Math.max(0, serverTime - activeTime);
  silence.observe([{ name: "other", activeTime, idle }], monotonic);
}

describe("Silence", () => {
  it("takes a consumer for dead after an idle timeout of its own watching, if the server's clock says less", () => {
    const silence = new Silence();
    observe(silence, 0, 5000, 4900);
    observe(silence, 999, 5400, 4900);
    assertEquals(silence.dead(idleTimeout, 999), []);
    assertEquals(silence.dead(idleTimeout, 1000), ["other"]);
  });

  it("takes it for dead after half of one, if the server has not seen it for a whole one either", () => {
    const silence = new Silence();
    observe(silence, 0, 50_000, 4900);
    assertEquals([silence.dead(idleTimeout, 499), silence.nextIn(idleTimeout, 100)], [[], 400]);
    assertEquals([silence.dead(idleTimeout, 500), silence.nextIn(idleTimeout, 500)], [["other"], null]);
  });

  it("takes a living consumer for alive when the server's clock is set forward by an hour", () => {
    const silence = new Silence();
    const hour = 3_600_000;
    for (let time = 0; time < 10_000; time += 500) {
      const step = time >= 5000 ? hour : 0;
      // It renews every 333 ms, and has not done so yet when its clock is set.
      const renewed = Math.floor(time / 333) * 333;
      observe(silence, time, time + step, renewed + (renewed >= 5000 ? hour : 0));
      assertEquals(silence.dead(idleTimeout, time), [], `at ${time}`);
    }
  });

  it("takes a consumer for alive that was active in the very millisecond of each observation", () => {
    const silence = new Silence();
    for (let time = 0; time < 10_000; time += 500) {
      observe(silence, time, 50_000 + time, 50_000 + time - (time === 0 ? 100 : 0));
      assertEquals(silence.dead(idleTimeout, time), [], `at ${time}`);
    }
  });

  for (const when of ["before it was first observed", "after that"]) {
    it(`takes a dead consumer for dead although the server's clock was set back by an hour, ${when}`, () => {
      const silence = new Silence();
      const hour = 3_600_000;
      const first = when === "after that" ? 2 * hour : hour;
      observe(silence, 0, first, 2 * hour - 100);
      for (const time of [500, 1000]) observe(silence, time, hour + time, 2 * hour - 100);
      assertEquals(silence.dead(idleTimeout, 1000), ["other"]);
    });
  }

  it("forgets what it has watched while the server was out of reach", () => {
    const silence = new Silence();
    observe(silence, 0, 50_000, 4900);
    silence.reset();
    observe(silence, 5000, 55_000, 4900);
    assertEquals(silence.dead(idleTimeout, 5000), []);
  });

  it("counts the latest activity of a consumer of several streams", () => {
    const silence = new Silence();
    for (const time of [0, 600, 1200]) {
      silence.observe([
        { name: "other", activeTime: 0, idle: time },
        { name: "other", activeTime: time - 10, idle: 10 },
      ], time);
    }
    assertEquals(silence.dead(idleTimeout, 1200), []);
  });
});
