import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ProtocolError, ReplyError } from "../../src/resp/errors.ts";

describe("ReplyError", () => {
  it("has the first word of its message as its code", () => {
    const codes: [string, string][] = [
      ["ERR unknown command 'foo'", "ERR"],
      ["MOVED 3999 127.0.0.1:6381", "MOVED"],
      ["LOADING", "LOADING"],
      ["", ""],
    ];
    for (const [message, code] of codes) {
      const error = new ReplyError(message);
      assertEquals([error.name, error.message, error.code], ["ReplyError", message, code]);
      assert(error instanceof Error);
    }
  });
});

describe("ProtocolError", () => {
  it("keeps its cause", () => {
    const cause = new RangeError("Invalid string length");
    const error = new ProtocolError("Expected text", { cause });
    assertEquals([error.name, error.message, error.cause], ["ProtocolError", "Expected text", cause]);
  });
});
