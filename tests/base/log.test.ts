import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { consoleLogger, safeLogger } from "../../src/base/log.ts";

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

describe("safeLogger()", () => {
  function logged(message: string): string[] {
    const messages: string[] = [];
    const note = (line: string) => void messages.push(line);
    safeLogger({ debug: note, info: note, warn: note, error: note }).info(message);
    return messages;
  }

  it("escapes line breaks that would begin a line of their own", () => {
    assertEquals(logged("task order-1\n[INFO] paid"), ["task order-1\\n[INFO] paid"]);
    assertEquals(logged("task order-1\r\n"), ["task order-1\\u000d\\n"]);
  });

  it("escapes sequences that control a terminal or change the direction of text", () => {
    assertEquals(logged("\x1b[2J\x9b1m\u202egnp\u2028\0"), ["\\u001b[2J\\u009b1m\\u202egnp\\u2028\\u0000"]);
  });

  it("leaves tabs, other languages and the indented lines of a stack as they are", () => {
    const message = "task ■ 好 \tnaïve\n    at run (file.ts:1:1)\n\tat end";
    assertEquals(logged(message), [message]);
  });

  it("survives a logger that throws", () => {
    const fail = () => {
      throw new Error("disk full");
    };
    safeLogger({ debug: fail, info: fail, warn: fail, error: fail }).error("hello");
  });
});
