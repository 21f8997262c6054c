import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { type Advice, adviceFor, codeOf, ConnectionError, ProtocolError, ReplyError } from "../../src/redis/mod.ts";

/** The error of a command in a script as Redis 6.2 wraps it. */
const wrap = (message: string) =>
  `ERR Error running script (call to f_5b8b5a7b4a4e0d1b9e2c3f4a5d6c7b8a9e0f1d2c): @user_script:1: @user_script: 1: ${message}`;

describe("adviceFor()", () => {
  const replies: [string, Advice][] = [
    ["LOADING Redis is loading the dataset in memory", "retry"],
    ["BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", "retry"],
    ["TRYAGAIN Multiple keys request during rehashing of slot", "retry"],
    ["CLUSTERDOWN The cluster is down", "retry"],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "retry"],
    ["READONLY You can't write against a read only replica.", "retry"],
    ["READONLY You can't write against a read only replica. script: 5b8b5a7b, on @user_script:1.", "retry"],
    ["UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)", "retry"],
    ["ERR max number of clients reached", "retry"],
    ["NOSCRIPT No matching script. Please use EVAL.", "reload"],
    ["NOGROUP No such key 'a' or consumer group 'b' in XREADGROUP with GROUP option", "regroup"],
    [wrap("NOGROUP No such key 'a' or consumer group 'b'"), "regroup"],
    ["OOM command not allowed when used memory > 'maxmemory'.", "full"],
    [wrap("-OOM command not allowed when used memory > 'maxmemory'."), "full"],
    ["NOAUTH Authentication required.", "refused"],
    ["WRONGPASS invalid username-password pair or user is disabled.", "refused"],
    ["NOPERM this user has no permissions to run the 'get' command", "refused"],
    [wrap("-NOPERM this user has no permissions to run the 'get' command"), "refused"],
    [wrap("-READONLY You can't write against a read only replica."), "retry"],
    ["WRONGTYPE Operation against a key holding the wrong kind of value", "fail"],
    [wrap("WRONGTYPE Operation against a key holding the wrong kind of value"), "fail"],
    ["ERR unknown command 'FOO', with args beginning with: 'NOGROUP' 'LOADING' ", "fail"],
    ["ERR Error running script (call to f_5b8b): @user_script:1: user_script:1: attempt to index a nil value", "fail"],
  ];
  for (const [message, advice] of replies) {
    it(`returns ${advice} for ${message.slice(0, 130)}`, () =>
      assertEquals(adviceFor(new ReplyError(message)), advice));
  }

  it("returns retry for a connection that is lost, unreachable or full", () => {
    for (const code of ["LOST", "UNREACHABLE", "FULL"] as const) {
      assertEquals(adviceFor(new ConnectionError(code, "gone")), "retry");
    }
  });

  it("returns refused for a connection that the server refuses", () => {
    assertEquals(adviceFor(new ConnectionError("REFUSED", "no")), "refused");
  });

  it("returns fail for a closed client, and for an error that is not of Redis", () => {
    const errors = [
      new ConnectionError("CLOSED", "Client closed"),
      new ProtocolError("x"),
      new Error("LOADING"),
      null,
      5,
    ];
    for (const error of errors) assertEquals(adviceFor(error), "fail");
  });
});

describe("codeOf()", () => {
  it("is the first word of an error", () => assertEquals(codeOf(new ReplyError("WRONGTYPE Operation")), "WRONGTYPE"));
  it("is the code of the command in a script, which Redis 6.2 wraps", () => {
    assertEquals(codeOf(new ReplyError(wrap("WRONGTYPE Operation"))), "WRONGTYPE");
    assertEquals(codeOf(new ReplyError(wrap("-OOM command"))), "OOM");
  });
});
