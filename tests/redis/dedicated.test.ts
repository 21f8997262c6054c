import { assert, assertEquals, assertNotEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { after, before, beforeEach, describe, it } from "node:test";
import {
  ConnectionError,
  createClient,
  type DedicatedClient,
  type RedisClient,
  ReplyError,
  TimeoutError,
} from "../../src/redis/mod.ts";
import { eventually } from "../support/poll.ts";
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

/** Waits until the server blocks on a command of the connection. */
function blocked(own: DedicatedClient): Promise<unknown> {
  return eventually(async () => {
    const info = await redis.command<string>(["CLIENT", "LIST", "ID", own.clientId]);
    return info.includes(" flags=b ");
  });
}

describe("RedisClient.dedicated()", () => {
  it("opens a new connection with each call", async () => {
    await using one = await redis.dedicated();
    await using other = await redis.dedicated();
    const ids = await Promise.all([redis, one, other].map((client) => client.command(["CLIENT", "ID"])));
    assertEquals(new Set(ids).size, 3);
    assertEquals([one.clientId, other.clientId], ids.slice(1));
  });

  it("rejects with the reason of an aborted signal, and leaves no connection open", async () => {
    const reason = new Error("enough");
    assertStrictEquals(await redis.dedicated({ signal: AbortSignal.abort(reason) }).catch((e) => e), reason);
    const controller = new AbortController();
    const opened = redis.dedicated({ signal: controller.signal });
    controller.abort(reason);
    assertStrictEquals(await opened.catch((e) => e), reason);
    await eventually(async () => (await redis.command<string>(["CLIENT", "LIST"])).trim().split("\n").length === 1);
  });

  it("is closed with its client", async () => {
    const other = createClient(server.url);
    const own = await other.dedicated();
    const blocking = own.command(["BLPOP", "none", 0]).catch((error) => error);
    await blocked(own);
    await other.close();
    const error = await blocking;
    assert(error instanceof ConnectionError);
    assertEquals([error.code, error.maybeExecuted], ["CLOSED", true]);
    assertEquals((await own.command(["PING"]).catch((e) => e)).code, "CLOSED");
  });
});

describe("DedicatedClient", () => {
  it("blocks without delaying commands of the client", async () => {
    await using own = await redis.dedicated();
    const popped = own.command(["BLPOP", "queue", 0]);
    await blocked(own);
    await redis.command(["RPUSH", "queue", "x"]);
    assertEquals(await popped, ["queue", "x"]);
  });

  it("blocks on streams", async () => {
    await using own = await redis.dedicated();
    await redis.command(["XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"]);
    assertEquals(await own.command(["XREADGROUP", "GROUP", "g", "c", "BLOCK", 10, "STREAMS", "s", ">"]), null);
    const read = own.command(["XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", ">"]);
    await blocked(own);
    const id = await redis.command(["XADD", "s", "*", "f", "v"]);
    assertEquals(await read, new Map([["s", [[id, ["f", "v"]]]]]) as never);
  });

  it("is unblocked by CLIENT UNBLOCK", async () => {
    await using own = await redis.dedicated();
    const popped = own.command(["BLPOP", "queue", 0]);
    await blocked(own);
    assertEquals(await redis.command(["CLIENT", "UNBLOCK", own.clientId]), 1);
    assertEquals(await popped, null);
    const again = own.command(["BLPOP", "queue", 0]).catch((error) => error);
    await blocked(own);
    await redis.command(["CLIENT", "UNBLOCK", own.clientId, "ERROR"]);
    assertEquals((await again).code, "UNBLOCKED");
    assertEquals(await own.command(["PING"]), "PONG");
  });

  it("selects a database for itself only", async () => {
    await using own = await redis.dedicated();
    await own.command(["SELECT", 3]);
    await own.command(["SET", "here", 1]);
    assertEquals(await redis.command(["EXISTS", "here"]), 0);
    assertEquals(await own.command(["EXISTS", "here"]), 1);
  });

  it("transaction() resolves to null if a watched key has changed", async () => {
    await using own = await redis.dedicated();
    await redis.command(["SET", "balance", 10]);
    await own.command(["WATCH", "balance"]);
    await redis.command(["SET", "balance", 5]);
    assertEquals(await own.transaction([["SET", "balance", 11]]), null);
    await own.command(["WATCH", "balance"]);
    assertEquals(await own.transaction([["INCR", "balance"]]), [6]);
    assertEquals(await own.transaction([]), []);
  });

  it("sends MULTI and EXEC as single commands", async () => {
    await using own = await redis.dedicated();
    const replies = await Promise.all(["MULTI", "PING", "EXEC"].map((name) => own.command([name])));
    assertEquals(replies as unknown[], ["OK", "QUEUED", ["PONG"]]);
  });

  it("is closed by a command without a reply within its timeout", async () => {
    await using own = await redis.dedicated();
    const start = performance.now();
    const late = own.command(["BLPOP", "none", 0], { timeout: 100 });
    const next = own.command(["PING"]).catch((error) => error);
    await assertRejects(() => late, TimeoutError, "No reply to BLPOP within 100 ms");
    assert(performance.now() - start < 3000);
    const error = await next;
    assertEquals([error.code, error.maybeExecuted], ["LOST", true]);
    assertEquals((await own.command(["PING"]).catch((e) => e)).maybeExecuted, false);
    await eventually(async () => await redis.command(["CLIENT", "LIST", "ID", own.clientId]) === "");
  });

  it("stays open when the signal of a command is aborted", async () => {
    await using own = await redis.dedicated();
    const controller = new AbortController();
    const aborted = own.command(["BLPOP", "none", 0.1], { signal: controller.signal }).catch((error) => error);
    await blocked(own);
    controller.abort();
    assertEquals((await aborted).name, "AbortError");
    assertEquals(await own.command(["PING"]), "PONG");
  });

  it("is not replaced when it is lost", async () => {
    await using own = await redis.dedicated();
    await redis.command(["CLIENT", "KILL", "ID", own.clientId]);
    await eventually(() => own.command(["PING"]).then(() => false, () => true));
    const error = await assertRejects(() => own.command(["PING"]), ConnectionError);
    assertEquals(error.code, "LOST");
    await own.close();
    await using next = await redis.dedicated();
    assertNotEquals(next.clientId, own.clientId);
  });

  it("closes immediately when the server is silent", async () => {
    await using proxy = await startProxy(server.port);
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`);
    const own = await other.dedicated();
    proxy.swallow();
    const start = performance.now();
    await assertRejects(() => own.command(["XREAD", "BLOCK", 20, "STREAMS", "s", "$"], { timeout: 60 }), TimeoutError);
    await own.close();
    assert(performance.now() - start < 500);
  });

  it("refuses commands that would break the order of replies", async () => {
    await using own = await redis.dedicated();
    for (
      const args of [["SUBSCRIBE", "a"], ["CLIENT", "REPLY", "OFF"], ["MONITOR"], ["HELLO", "2"], ["SYNC"]] as const
    ) {
      await assertRejects(() => own.command(args), TypeError, args[0]);
    }
  });

  it("close() can be called repeatedly", async () => {
    const own = await redis.dedicated();
    const pending = own.command(["BLPOP", "none", 0]).catch((error) => error);
    await blocked(own);
    await Promise.all([own.close(), own.close()]);
    assertEquals((await pending).message, "The connection was closed before the reply");
    assertEquals((await own.command(["PING"]).catch((e) => e)).message, "The connection was closed");
  });
});

describe("DedicatedClient.monitor()", () => {
  it("iterates over the commands that the server executes", async () => {
    await using own = await redis.dedicated();
    const lines = own.monitor();
    const first = lines.next();
    await eventually(async () => (await redis.command<string>(["CLIENT", "LIST"])).includes(" cmd=monitor "));
    await redis.command(["SET", "k", "secret"]);
    const seen: string[] = [(await first).value!];
    while (!seen.at(-1)!.includes('"SET"')) seen.push((await lines.next()).value!);
    assert(/^\d+\.\d+ \[0 127\.0\.0\.1:\d+\] "SET" "k" "secret"$/.test(seen.at(-1)!), seen.at(-1));
    await lines.return?.();
    assertEquals((await own.command(["PING"]).catch((e) => e)).code, "CLOSED");
  });

  it("continues while the server executes no command", async () => {
    await using other = createClient(server.url, { pingInterval: 20, silenceTimeout: 100 });
    await using own = await other.dedicated();
    const lines = own.monitor();
    const until = async (command: string): Promise<void> => {
      for (;;) {
        const { value, done } = await lines.next();
        assert(!done);
        if (value.includes(command)) return;
      }
    };
    // Its own pings, every 20 ms of silence, take longer than silenceTimeout in total.
    for (let pings = 0; pings < 10; pings++) await until('"PING"');
    await redis.command(["SET", "after", "silence"]);
    await until('"SET" "after" "silence"');
  });

  it("rejects when the server refuses, and ends when the connection is closed", async () => {
    await redis.command(["ACL", "SETUSER", "blind", "on", ">pw", "+@all", "-monitor", "~*"]);
    await using other = createClient(`redis://blind:pw@127.0.0.1:${server.port}`);
    await using refused = await other.dedicated();
    await assertRejects(() => refused.monitor().next(), ReplyError, "monitor");
    const own = await redis.dedicated();
    const lines = own.monitor();
    await own.close();
    while (!(await lines.next()).done);
  });
});
