import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { getEventListeners } from "node:events";
import { after, before, beforeEach, describe, it } from "node:test";
import {
  ConnectionError,
  createClient,
  ProtocolError,
  type RedisClient,
  ReplyError,
  TimeoutError,
} from "../../src/redis/mod.ts";
import { eventually } from "../support/poll.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";

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

/** Number of clients of the server other than `redis`. */
async function otherClients(): Promise<number> {
  const info = await redis.command<string>(["INFO", "clients"]);
  return Number(/connected_clients:(\d+)/.exec(info)![1]) - 1;
}

describe("createClient()", () => {
  it("connects on first use", async () => {
    const before = await otherClients();
    await using other = createClient(server.url);
    assertEquals(await otherClients(), before);
    await other.command(["PING"]);
    assertEquals(await otherClients(), before + 1);
  });

  it("throws if the URL or an option is invalid", () => {
    assertThrows(() => createClient("redis://:hunter2@localhost:99999"), TypeError, "***@localhost:99999");
    assertThrows(() => createClient(server.url, { connectTimeout: -1 }), RangeError, "connectTimeout");
    assertThrows(() => createClient(server.url, { connectTimeout: "soon" as "1s" }), TypeError, "soon");
    assertThrows(() => createClient(server.url, { database: 1.5 }), RangeError, "database");
    assertThrows(
      () => createClient(server.url, { retry: { min: 100, max: 10 } }),
      RangeError,
      "min 100 ms and max 10 ms",
    );
    assertThrows(() => createClient(server.url, { retry: { min: "5s" } }), RangeError, "min 5000 ms and max 2000 ms");
    assertThrows(() => createClient(server.url, { name: "a b" }), TypeError, '"a b"');
    assertThrows(() => createClient(server.url, { username: "app" }), TypeError, 'user name "app"');
    assertThrows(() => createClient(server.url, { maxQueued: -1 }), RangeError, "maxQueued");
    assertThrows(() => createClient(server.url, { maxInFlightBytes: 0 }), RangeError, "maxInFlightBytes");
    assertThrows(() => createClient(server.url, { pingInterval: 0 }), RangeError, "pingInterval");
  });

  it("lets options override the URL", async () => {
    await using other = createClient(`${server.url}/3`, { database: 2, name: "options" });
    const info = await other.command<string>(["CLIENT", "INFO"]);
    assert(info.includes(" db=2 ") && info.includes(" name=options "), info);
  });
});

describe("RedisClient.connect()", () => {
  it("connects before the first command", async () => {
    const before = await otherClients();
    await using other = createClient(server.url);
    await Promise.all([other.connect(), other.connect()]);
    await other.connect();
    assertEquals(await otherClients(), before + 1);
  });

  it("rejects with the reason of an aborted signal", async () => {
    await using other = createClient(server.url);
    const reason = new Error("enough");
    assertStrictEquals(await other.connect({ signal: AbortSignal.abort(reason) }).catch((e) => e), reason);
    const controller = new AbortController();
    const connected = other.connect({ signal: controller.signal });
    controller.abort(reason);
    assertStrictEquals(await connected.catch((e) => e), reason);
    await other.connect();
  });
});

describe("RedisClient.command()", () => {
  it("resolves to each kind of reply with its type", async () => {
    await redis.command(["HSET", "hash", "a", "1"]);
    await redis.command(["SADD", "set", "x"]);
    await redis.command(["ZADD", "zset", 1.5, "m"]);
    assertEquals(await redis.command(["SET", "text", "ü€😀"]), "OK");
    assertEquals(await redis.command(["GET", "text"]), "ü€😀");
    assertEquals(await redis.command(["GET", "none"]), null);
    assertEquals(await redis.command(["INCRBY", "big", "9223372036854775807"]), 9223372036854775807n);
    assertEquals(await redis.command(["INCR", "count"]), 1);
    assertEquals(await redis.command(["HGETALL", "hash"]), new Map([["a", "1"]]));
    assertEquals(await redis.command(["SMEMBERS", "set"]), new Set(["x"]));
    assertEquals(await redis.command(["ZSCORE", "zset", "m"]), 1.5);
    assertEquals(await redis.command(["MGET", "count", "none"]), ["1", null]);
  });

  it("sends strings, numbers, bigints and bytes", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await redis.command(["RPUSH", "args", "", "a\r\nb", "\0", 1, -1.5, 2n ** 70n, bytes, new Uint8Array(0)]);
    assertEquals(await redis.command(["LRANGE", "args", 0, 5]), ["", "a\r\nb", "\0", "1", "-1.5", `${2n ** 70n}`]);
    const [sent, empty] = await redis.command<Uint8Array[]>(["LRANGE", "args", -2, -1], { binary: true });
    assertEquals(new Uint8Array(sent!), bytes);
    assertEquals(empty!.length, 0);
  });

  it("returns bytes on request, next to replies with text", async () => {
    await redis.command(["SET", "k", "ü"]);
    const replies = await Promise.all([
      redis.command(["GET", "k"]),
      redis.command(["GET", "k"], { binary: true }),
      redis.command(["GET", "k"]),
      redis.command(["MGET", "k", "none"], { binary: true }),
    ]);
    assertEquals(replies[0], "ü");
    assertEquals(new Uint8Array(replies[1] as Uint8Array), new Uint8Array([0xc3, 0xbc]));
    assertEquals(replies[2], "ü");
    assertInstanceOf((replies[3] as unknown[])[0], Uint8Array);
    assertEquals((replies[3] as unknown[])[1], null);
  });

  it("keeps the order of replies, with errors and with strings that look like replies", async () => {
    const settled = await Promise.allSettled([
      redis.command(["SET", "a", ":5\r\n"]),
      redis.command(["INCR", "a"]),
      redis.command(["GET", "a"]),
      redis.command(["NOSUCHCOMMAND"]),
      redis.command(["SET", "b", "-ERR x\r\n$3\r\n"]),
      redis.command(["GET", "b"]),
      redis.command(["GET"]),
      redis.command(["GET", "c"]),
    ]);
    const values = settled.map((one) => one.status === "fulfilled" ? one.value : (one.reason as ReplyError).code);
    assertEquals(values, ["OK", "ERR", ":5\r\n", "ERR", "OK", "-ERR x\r\n$3\r\n", "ERR", null]);
  });

  it("keeps the order of 50,000 commands of one tick", async () => {
    const replies = await Promise.all(
      Array.from(
        { length: 50_000 },
        (_, i) => redis.command(i % 1000 === 7 ? ["FAIL"] : ["ECHO", i]).catch(() => "no"),
      ),
    );
    replies.forEach((reply, i) => assertEquals(reply, i % 1000 === 7 ? "no" : `${i}`));
  });

  it("sends the commands of one tick together", async () => {
    await redis.command(["CONFIG", "RESETSTAT"]);
    await Promise.all(Array.from({ length: 100 }, (_, i) => redis.command(["GET", i])));
    const stats = await redis.command<string>(["INFO", "stats"]);
    const reads = Number(/total_reads_processed:(\d+)/.exec(stats)![1]);
    // The first is the rest of CONFIG RESETSTAT, the last INFO itself.
    assert(reads <= 4, `${reads} reads`);
  });

  it("sends and receives more than a socket buffers", async () => {
    const large = "é".repeat(8 * 1024 * 1024);
    await Promise.all(Array.from({ length: 4 }, (_, i) => redis.command(["SET", `large${i}`, large])));
    const replies = await Promise.all(Array.from({ length: 4 }, (_, i) => redis.command(["GET", `large${i}`])));
    for (const reply of replies) assert(reply === large);
  });

  it("rejects with the error of the server and its code", async () => {
    await redis.command(["SET", "k", "v"]);
    const error = await assertRejects(() => redis.command(["LPUSH", "k", 1]), ReplyError, "wrong kind of value");
    assertEquals(error.code, "WRONGTYPE");
  });

  it("returns an error inside an array as a value", async () => {
    const reply = await redis.command<unknown[] & string[]>(["EVAL", "return {1, redis.error_reply('MINE x'), 2}", 0]);
    assertEquals([reply[0], reply[2]] as unknown[], [1, 2]);
    assertInstanceOf(reply[1], ReplyError);
  });

  it("rejects a command with an invalid argument, and sends the others", async () => {
    const settled = await Promise.allSettled([
      redis.command(["SET", "a", 1]),
      redis.command(["SET", "b", undefined as unknown as string]),
      redis.command(["SET", "b", { toString: () => "x" } as unknown as string]),
      redis.command([] as unknown as ["x"]),
      redis.command(["GET", "a"]),
    ]);
    assertEquals(settled.map((one) => one.status), ["fulfilled", "rejected", "rejected", "rejected", "fulfilled"]);
    assertEquals(await redis.command(["EXISTS", "b"]), 0);
  });

  it("closes the connection on a reply that exceeds a limit, and reconnects", async () => {
    await using other = createClient(server.url, { limits: { bulkBytes: 1000 }, retry: { min: 10 } });
    await redis.command(["SET", "large", "x".repeat(1001)]);
    const error = await assertRejects(() => other.command(["GET", "large"]), ConnectionError);
    assertInstanceOf(error.cause, ProtocolError);
    assertEquals(await other.command(["PING"]), "PONG");
  });

  it("refuses commands that need a dedicated connection, with their name", async () => {
    const error = await assertRejects(() => redis.command(["BLPOP", "q", 0]), TypeError, "BLPOP");
    assert(error.message.includes("dedicated()"));
    await assertRejects(
      () => redis.command(["multi"]),
      TypeError,
      "Cannot send MULTI: it is part of a transaction; use transaction()",
    );
    await assertRejects(() => redis.command(["SUBSCRIBE", "a"]), TypeError, "use subscribe()");
    await assertRejects(() => redis.command(["CLIENT", "REPLY", "OFF"]), TypeError, "CLIENT REPLY");
  });
});

describe("RedisClient.command() with a signal", () => {
  it("does not send a command whose signal is aborted in the same tick", async () => {
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const one = redis.command(["SET", "a", 1], { signal: controller.signal });
    const other = redis.command(["SET", "b", 1]);
    controller.abort(reason);
    assertStrictEquals(await one.catch((e) => e), reason);
    assertEquals(await other, "OK");
    assertEquals(await redis.command(["EXISTS", "a"]), 0);
  });

  it("withdraws a command that waits for a connection", async () => {
    await using other = createClient(server.url);
    const controller = new AbortController();
    const one = other.command(["SET", "a", 1], { signal: controller.signal });
    controller.abort();
    await assertRejects(() => one, DOMException);
    assertEquals(await other.command(["EXISTS", "a"]), 0);
  });

  it("sends nothing if the signal is aborted already", async () => {
    const reason = new Error("too late");
    const error = await redis.command(["SET", "a", 1], { signal: AbortSignal.abort(reason) }).catch((e) => e);
    assertStrictEquals(error, reason);
    assertEquals(await redis.command(["EXISTS", "a"]), 0);
  });

  it("drops the reply to a command that was sent, and no other", async () => {
    await using other = createClient(server.url);
    await redis.command(["CLIENT", "PAUSE", 100, "WRITE"]);
    await other.command(["PING"]);
    const controller = new AbortController();
    const sent = other.command(["SET", "a", "sent"], { signal: controller.signal });
    const next = other.command(["GET", "a"]);
    await new Promise(setImmediate);
    controller.abort(new Error("no longer needed"));
    await assertRejects(() => sent, Error, "no longer needed");
    assertEquals(await next, "sent");
  });

  it("adds one listener to a signal that many commands share, and leaves none behind", async () => {
    const { signal } = new AbortController();
    const listeners = () => getEventListeners(signal, "abort").length;
    const pongs = Promise.all(Array.from({ length: 100 }, () => redis.command(["PING"], { signal })));
    assertEquals(listeners(), 1);
    await pongs;
    await assertRejects(() => redis.command(["NOSUCHCOMMAND"], { signal }), ReplyError);
    await assertRejects(() => redis.command(["SET", "a", null as unknown as string], { signal }), TypeError);
    assertEquals(listeners(), 0);
  });
});

describe("RedisClient.command() with a timeout", () => {
  it("rejects without a reply within the timeout, and keeps the order of replies", async () => {
    await using other = createClient(server.url);
    await other.command(["PING"]);
    await redis.command(["CLIENT", "PAUSE", 200, "ALL"]);
    const late = other.command(["SET", "a", "late"], { timeout: 50 });
    const next = other.command(["GET", "a"]);
    const error = await assertRejects(() => late, TimeoutError);
    assertEquals(error.message, "No reply to SET within 50 ms");
    assertEquals(await next, "late");
  });

  it("withdraws a command that waits for a connection", async () => {
    const nowhere = createClient("redis://127.0.0.1:1", { connectTimeout: "5s" });
    await assertRejects(() => nowhere.command(["SET", "a", 1], { timeout: "30ms" }), TimeoutError);
    await nowhere.close();
  });

  it("resolves if the reply arrives in time", async () => {
    assertEquals(await redis.command(["PING"], { timeout: "1h" }), "PONG");
  });

  it("rejects an invalid timeout", async () => {
    await assertRejects(() => redis.command(["PING"], { timeout: -1 }), RangeError, "timeout");
    await assertRejects(() => redis.command(["PING"], { timeout: "soon" as "1s" }), TypeError, "timeout");
  });
});

describe("RedisClient.close()", () => {
  const isClosed = (error: unknown): boolean => error instanceof ConnectionError && error.code === "CLOSED";

  it("rejects commands without a reply, with maybeExecuted if they were sent", async () => {
    const other = createClient(server.url);
    await other.command(["PING"]);
    await redis.command(["CLIENT", "PAUSE", 100, "ALL"]);
    const sent = other.command(["PING"]).catch((e) => e);
    await new Promise(setImmediate);
    const unsent = other.command(["PING"]).catch((e) => e);
    await other.close();
    const errors = await Promise.all([sent, unsent]);
    assert(errors.every(isClosed), String(errors));
    assertEquals(errors.map((error) => error.maybeExecuted), [true, false]);
    assertEquals(errors.map((error) => error.message), [
      "The client was closed before the reply",
      "The client was closed",
    ]);
  });

  it("settles every call before the first connection", async () => {
    const other = createClient("redis://127.0.0.1:1");
    const pending = [other.command(["PING"]), other.connect(), other.dedicated(), other.transaction([["PING"]])];
    const messages = other.subscribe(["a"]);
    const message = messages.next();
    await other.close();
    for (const promise of pending) assert(isClosed(await (promise as Promise<unknown>).catch((e) => e)));
    assertEquals(await message, { value: undefined, done: true });
  });

  it("settles every call while the client connects, and closes an unused client", async () => {
    const other = createClient(server.url);
    const pending = [other.command(["PING"]), other.connect(), other.dedicated()];
    const closing = other.close();
    for (const promise of pending) assert(isClosed(await (promise as Promise<unknown>).catch((e) => e)));
    await closing;
    await createClient(server.url).close();
  });

  it("makes later calls reject", async () => {
    const other = createClient(server.url);
    await other.command(["PING"]);
    await other.close();
    for (
      const call of [
        () => other.command(["PING"]),
        () => other.command(["PING"], { timeout: 1000 }),
        () => other.connect(),
        () => other.dedicated(),
        () => other.transaction([["PING"]]),
        () => other.subscribe(["a"]).next(),
      ] as (() => Promise<unknown>)[]
    ) assert(isClosed(await call().catch((e) => e)), String(call));
    assertThrows(() => other.listen("a", { message() {} }), ConnectionError, "The client was closed");
  });

  it("can be called repeatedly, concurrently, and by `await using`", async () => {
    const before = await otherClients();
    {
      await using other = createClient(server.url);
      await other.command(["PING"]);
      await Promise.all([other.close(), other.close()]);
      await other.close();
    }
    assertEquals(await otherClients(), before);
  });

  it("closes every socket", async () => {
    const before = await otherClients();
    const other = createClient(server.url);
    await Promise.all([other.command(["PING"]), other.dedicated(), other.dedicated()]);
    await new Promise<void>((resolve) => other.listen("a", { message() {}, subscribed: resolve }));
    assertEquals(await otherClients(), before + 4);
    await other.close();
    await eventually(async () => await otherClients() === before);
  });

  it("delivers commands that were written before", async () => {
    const other = createClient(server.url);
    await other.command(["PING"]);
    other.command(["SET", "last", "words"]).catch(() => {});
    await new Promise(setImmediate);
    await other.close();
    await eventually(async () => await redis.command(["GET", "last"]) === "words");
  });

  it("does not wait for a server that does not answer", async () => {
    await using stuck = await startRedis();
    const other = createClient(stuck.url);
    await Promise.all([other.command(["PING"]), other.dedicated()]);
    stuck.pause();
    const start = performance.now();
    const pending = other.command(["PING"]).catch((e) => e);
    await other.close();
    assert(performance.now() - start < 600);
    assert(isClosed(await pending));
  });
});
