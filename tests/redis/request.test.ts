import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { after, before, beforeEach, describe, it } from "node:test";
import { ConnectionError, createClient, type RedisClient, ReplyError, TimeoutError } from "../../src/redis/mod.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { startProxy } from "../support/tcp_proxy.ts";

let server: RedisServer;
let redis: RedisClient;

before(async () => {
  server = await startRedis();
  redis = createClient(server.url);
});
after(async () => {
  await redis?.close();
  await server?.stop();
});
beforeEach(async () => {
  await redis.command(["FLUSHALL"]);
});

describe("RedisClient.transaction()", () => {
  it("resolves to the replies in order, with errors as values", async () => {
    const replies = await redis.transaction([["INCR", "n"], ["GET", "n"], ["LPUSH", "n", 1], ["GET", "none"]]);
    assertEquals([replies![0], replies![1], replies![3]], [1, "1", null]);
    assertInstanceOf(replies![2], ReplyError);
  });

  it("takes 100,000 commands", async () => {
    const commands = Array.from({ length: 100_000 }, () => ["INCR", "n"] as const);
    const replies = await redis.transaction(commands);
    assertEquals([replies!.length, replies!.at(-1), await redis.command(["GET", "n"])], [100_000, 100_000, "100000"]);
  });

  it("gives the connection up when its commands cannot all be encoded, instead of leaving it in MULTI", async () => {
    let reads = 0;
    // Its length is right when it is checked, and no number when it is sent.
    const changing = { toString: () => "n" };
    const args = new Proxy(["INCR", "n"] as [string, string], {
      get: (target, name) => name === "1" && ++reads > 1 ? changing : Reflect.get(target, name),
    });
    await assertRejects(() => redis.transaction([["PING"], args]));
    assertEquals(await redis.command(["PING"]), "PONG");
  });

  it("returns bytes on request", async () => {
    const replies = await redis.transaction([["SET", "k", "v"], ["GET", "k"]], { binary: true });
    assertEquals(new Uint8Array(replies![1] as Uint8Array), new Uint8Array([0x76]));
  });

  it("is not interrupted by other commands", async () => {
    const [before, exec, after] = await Promise.all([
      redis.command(["RPUSH", "l", "a"]),
      redis.transaction([["RPUSH", "l", "b"], ["LRANGE", "l", 0, -1]]),
      redis.command(["RPUSH", "l", "c"]),
    ]);
    assertEquals([before, exec, after] as unknown[], [1, [2, ["a", "b"]], 3]);
  });

  it("rejects with the first command that the server refuses to queue, and executes none", async () => {
    const error = await assertRejects(() => redis.transaction([["INCR", "n"], ["NOSUCH"], ["GET"]]), ReplyError);
    assert(error.message.includes("unknown command 'NOSUCH'"), error.message);
    assertEquals(await redis.command(["EXISTS", "n"]), 0);
    assertEquals(await redis.transaction([["INCR", "n"]]), [1]);
  });

  it("sends nothing if an argument is invalid", async () => {
    await assertRejects(() => redis.transaction([["INCR", "n"], ["SET", "a", {} as string]]), TypeError);
    assertEquals(await redis.command(["EXISTS", "n"]), 0);
  });

  it("refuses commands that cannot be part of it, with their name", async () => {
    await assertRejects(() => redis.transaction([["INCR", "n"], ["EXEC"]]), TypeError, "EXEC");
    await assertRejects(() => redis.transaction([["SELECT", 1]]), TypeError, "SELECT");
    assertEquals(await redis.transaction([["BLPOP", "none", 0]]), [null]);
  });

  it("is withdrawn as a whole before it is sent", async () => {
    const controller = new AbortController();
    const reason = new Error("no");
    const exec = redis.transaction([["INCR", "n"]], { signal: controller.signal });
    controller.abort(reason);
    assertStrictEquals(await exec.catch((e) => e), reason);
    assertEquals(await redis.command(["EXISTS", "n"]), 0);
    assertStrictEquals(await redis.transaction([], { signal: AbortSignal.abort(reason) }).catch((e) => e), reason);
  });

  it("rejects without a reply within its timeout", async () => {
    await redis.command(["CLIENT", "PAUSE", 100, "WRITE"]);
    await assertRejects(() => redis.transaction([["INCR", "n"]], { timeout: 20 }), TimeoutError, "EXEC");
    assertEquals(await redis.command(["GET", "n"]), "1");
  });

  it("rejects as a whole when the connection is lost", async () => {
    await using proxy = await startProxy(server.port);
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`, { retry: { min: 10 } });
    await other.command(["PING"]);
    proxy.swallow();
    const exec = other.transaction([["INCR", "n"], ["INCR", "n"]]);
    await new Promise(setImmediate);
    proxy.cut();
    const error = await assertRejects(() => exec, ConnectionError);
    assertEquals(error.maybeExecuted, true);
    proxy.resume();
    // The server does not execute half a transaction.
    proxy.cutAfter(40, "client");
    await other.transaction([["INCR", "m"], ["INCR", "m"]]).catch(() => {});
    await other.command(["PING"]).catch(() => {});
    assertEquals(await redis.command(["EXISTS", "m"]), 0);
  });
});
