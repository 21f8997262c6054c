import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { consoleLogger } from "../../src/base/log.ts";

describe("consoleLogger()", () => {
  const clock = { now: () => Date.UTC(2026, 10, 23, 9, 14, 35), monotonic: () => 0, timer: () => ({ cancel() {} }) };

  function lines(log: () => void): string[] {
    const written: string[] = [];
    const original = { debug: console.debug, info: console.info, warn: console.warn, error: console.error };
    const write = (line: string) => void written.push(line);
    Object.assign(console, { debug: write, info: write, warn: write, error: write });
    try {
      log();
    } finally {
      Object.assign(console, original);
    }
    return written;
  }

  it("writes level, time and message", () => {
    assertEquals(lines(() => consoleLogger({ clock }).info("hello")), ["[INFO] 2026-11-23 09:14:35: hello"]);
  });

  it("writes the time in its time zone", () => {
    const logger = consoleLogger({ clock, timeZone: "Asia/Tokyo" });
    assertEquals(lines(() => logger.warn("hello")), ["[WARN] 2026-11-23 18:14:35: hello"]);
  });

  it("applies a level that is changed later", () => {
    const logger = consoleLogger({ clock });
    assertEquals(lines(() => logger.debug("a")), []);
    logger.level = "debug";
    assertEquals(lines(() => logger.debug("a")).length, 1);
  });

  it("drops lines below its level", () => {
    const logger = consoleLogger({ clock, level: "warn" });
    assertEquals(lines(() => [logger.debug("a"), logger.info("b"), logger.error("c")]).length, 1);
  });
});
