import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { after, before, describe, it } from "node:test";
import {
  ConnectionError,
  createClient,
  ProtocolError,
  type RedisClient,
  type ReplyError,
  TimeoutError,
} from "../../src/redis/mod.ts";
import { systemClock } from "../../src/base/clock.ts";
import { startByteServer } from "../support/byte_server.ts";
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

const retry = { min: 10, max: 50 };

/** A logger that keeps its lines. */
function recorder() {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  return { lines, logger: { debug: log, info: log, warn: log, error: log } };
}

const failure = (promise: Promise<unknown>): Promise<ConnectionError> => assertRejects(() => promise, ConnectionError);

describe("the first connection", () => {
  it("is attempted until connectTimeout, and then fails with the cause", async () => {
    await using other = createClient("redis://app:hunter2@127.0.0.1:1/3", { connectTimeout: 200, retry });
    const start = performance.now();
    const errors = await Promise.all([
      failure(other.command(["PING"])),
      failure(other.connect()),
      failure(other.dedicated()),
      failure(other.subscribe(["a"]).next()),
    ]);
    const took = performance.now() - start;
    assert(took >= 190 && took < 3000, `${took} ms`);
    for (const error of errors) {
      assertEquals(error.code, "UNREACHABLE");
      assertEquals(error.maybeExecuted, false);
      assert(error.message.startsWith("Cannot connect to redis://app@127.0.0.1:1/3 within 200 ms: "), error.message);
      assert(!error.message.includes("hunter2"));
      assertEquals((error.cause as { code?: string }).code, "ECONNREFUSED");
    }
  });

  it("is attempted again by the next command", async () => {
    await using proxy = await startProxy(server.port);
    proxy.refuse();
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`, { connectTimeout: 60, retry });
    await failure(other.command(["PING"]));
    await proxy.accept();
    // On a busy machine, this too may take longer than the timeout.
    assertEquals(await eventually(() => other.command(["PING"])), "PONG");
  });

  it("is established when the server starts", async () => {
    await using proxy = await startProxy(server.port);
    proxy.refuse();
    const { lines, logger } = recorder();
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`, { retry, logger });
    const pong = other.command(["PING"]);
    await eventually(() => lines.some((line) => line.includes("failed and will be retried")));
    await proxy.accept();
    assertEquals(await pong, "PONG");
  });

  it("is attempted once without retry", async () => {
    await using other = createClient("redis://127.0.0.1:1", { retry: false });
    const start = performance.now();
    const error = await failure(other.command(["PING"]));
    assert(performance.now() - start < 3000);
    assertEquals(error.code, "UNREACHABLE");
    await failure(other.dedicated());
  });

  it("fails with the name of a host that does not exist", async () => {
    await using other = createClient("redis://no.such.host.invalid", { connectTimeout: 300, retry });
    const error = await failure(other.command(["PING"]));
    assert(error.message.includes("redis://no.such.host.invalid:6379"), error.message);
  });

  it("fails after connectTimeout if the server sends nothing", async () => {
    await using silent = await startByteServer();
    await using other = createClient(`redis://127.0.0.1:${silent.port}`, { connectTimeout: 100 });
    const error = await failure(other.command(["PING"]));
    assertEquals(error.code, "UNREACHABLE");
    assertInstanceOf(error.cause, TimeoutError);
    assert(error.message.endsWith("within 100 ms: The server did not reply"), error.message);
  });

  it("fails immediately if the server uses another protocol", async () => {
    await using web = await startByteServer({
      onData: (peer) => peer.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    });
    await using other = createClient(`redis://127.0.0.1:${web.port}`);
    const start = performance.now();
    const error = await failure(other.command(["PING"]));
    assert(performance.now() - start < 3000);
    assertEquals(error.code, "REFUSED");
    assertInstanceOf(error.cause, ProtocolError);
    assertEquals(web.peers.length, 1);
    await failure(other.dedicated());
  });

  it("fails immediately if the server sends data first", async () => {
    await using ssh = await startByteServer({ onConnect: (peer) => peer.write("SSH-2.0-OpenSSH_9.2\r\n") });
    await using other = createClient(`redis://127.0.0.1:${ssh.port}`);
    assertInstanceOf((await failure(other.connect())).cause, ProtocolError);
  });

  it("is attempted again if the server has too many clients, or closes it", async () => {
    let refusals = 0;
    await using full = await startByteServer({
      onConnect(peer) {
        refusals++;
        if (peer.index % 2 === 0) peer.write("-ERR max number of clients reached\r\n");
        peer.end();
      },
    });
    await using other = createClient(`redis://127.0.0.1:${full.port}`, { connectTimeout: 300, retry });
    assertEquals((await failure(other.connect())).code, "UNREACHABLE");
    assert(refusals > 3);
  });
});

describe("a lost connection", () => {
  it("rejects the commands in flight, which may have been executed", async () => {
    await using proxy = await startProxy(server.port);
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`, { retry });
    await other.command(["PING"]);
    proxy.swallow();
    const pending = [other.command(["INCR", "n"]), other.transaction([["INCR", "n"]])];
    await new Promise(setImmediate);
    proxy.cut();
    for (const promise of pending) {
      const error = await failure(promise);
      assertEquals([error.code, error.maybeExecuted], ["LOST", true]);
      assert(error.message.startsWith(`Connection to redis://127.0.0.1:${proxy.port} lost before the reply: `));
      assertInstanceOf(error.cause, Error);
    }
    proxy.resume();
    assertEquals(await other.command(["PING"]), "PONG");
  });

  it("rejects a command whose reply is incomplete", async () => {
    await using proxy = await startProxy(server.port);
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`, { retry });
    await redis.command(["SET", "long", "x".repeat(1000)]);
    for (const bytes of [1, 6, 7, 500, 1006, 1007]) {
      await other.command(["PING"]);
      proxy.cutAfter(bytes);
      const [cut, lost] = await Promise.all([
        failure(other.command(["GET", "long"])),
        failure(other.command(["PING"])),
      ]);
      assertEquals([cut.maybeExecuted, lost.maybeExecuted], [true, true]);
    }
  });

  it("keeps commands that were not sent for the next one", async () => {
    await using proxy = await startProxy(server.port);
    const { lines, logger } = recorder();
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`, { retry, logger });
    await other.command(["DEL", "kept"]);
    proxy.refuse();
    proxy.cut();
    await eventually(() => lines.some((line) => line.includes(" lost: ")));
    const kept = Array.from({ length: 10 }, (_, i) => other.command(["RPUSH", "kept", i]));
    const exec = other.transaction([["RPUSH", "kept", "x"], ["RPUSH", "kept", "y"]]);
    await proxy.accept();
    assertEquals(await Promise.all(kept), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assertEquals(await exec, [11, 12]);
  });

  it("rejects commands that wait longer than connectTimeout, and later ones immediately", async () => {
    await using proxy = await startProxy(server.port);
    const options = { retry, connectTimeout: 150 };
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`, options);
    await other.command(["PING"]);
    proxy.refuse();
    proxy.cut();
    await eventually(() => proxy.connections === 0);
    const start = performance.now();
    const error = await failure(other.command(["PING"]));
    assert(performance.now() - start < 3000);
    assertEquals([error.code, error.maybeExecuted], ["UNREACHABLE", false]);
    const later = performance.now();
    await failure(other.command(["PING"]));
    await failure(other.connect());
    assert(performance.now() - later < 50);
    await proxy.accept();
    await eventually(() => other.command(["PING"]));
  });

  it("is not replaced without retry", async () => {
    await using proxy = await startProxy(server.port);
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`, { retry: false });
    await other.command(["PING"]);
    let isSubscribed = false;
    const messages = other.subscribe(["a"], { onSubscribed: () => void (isSubscribed = true) });
    await eventually(() => isSubscribed);
    proxy.cut();
    await eventually(() => proxy.connections === 0);
    await eventually(async () => (await failure(other.command(["PING"]))).maybeExecuted === false);
    const error = await failure(other.command(["PING"]));
    assertEquals([error.code, error.maybeExecuted], ["LOST", false]);
    assertEquals((await failure(other.connect())).code, "LOST");
    assertEquals((await failure(messages.next())).code, "LOST");
    assertEquals(proxy.accepted, 2);
  });

  it("is replaced however often it is lost, and leaks no socket", async () => {
    await using other = createClient(server.url, { retry, name: "storm" });
    const messages: string[] = [];
    other.listen("storm", { message: (payload) => void messages.push(new TextDecoder().decode(payload)) });
    await other.command(["PING"]);
    let pongs = 0;
    let isOver = false;
    const sendPings = async () => {
      while (!isOver) {
        const reply = await other.command(["PING"], { timeout: "5s" }).catch((error) => error);
        if (reply === "PONG") pongs++;
        else assertInstanceOf(reply, ConnectionError);
        await new Promise(setImmediate);
      }
    };
    const senders = Array.from({ length: 10 }, sendPings);
    let mostConnections = 0;
    for (let round = 0; round < 40; round++) {
      const clients = (await redis.command<string>(["CLIENT", "LIST"])).split("\n");
      const ids = clients.filter((line) => line.includes(" name=storm ")).map((line) => /id=(\d+)/.exec(line)![1]!);
      mostConnections = Math.max(mostConnections, ids.length);
      await Promise.all(ids.map((id) => redis.command(["CLIENT", "KILL", "ID", id])));
      const before = pongs;
      await eventually(() => pongs > before, { message: "commands are executed again" });
    }
    isOver = true;
    await Promise.all(senders);
    assert(mostConnections <= 2, `${mostConnections} connections`);
    await eventually(async () => {
      await redis.command(["PUBLISH", "storm", "over"]);
      return messages.includes("over");
    });
  });

  it("is replaced after all replies when its server has become a replica", async () => {
    await using demoted = await startRedis();
    await using admin = createClient(demoted.url);
    // A connection is kept for as long as the longest pause between two attempts.
    let skipped = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + skipped };
    await using other = createClient(demoted.url, { retry, clock });
    const id = await other.command<number>(["CLIENT", "ID"]);
    skipped = retry.max;
    await admin.command(["REPLICAOF", "127.0.0.1", 1]);
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        other.command([i % 2 ? "SET" : "ECHO", "x", ...(i % 2 ? [1] : [])])
          .catch((error) => error.code)),
    );
    assertEquals(replies, Array.from({ length: 20 }, (_, i) => i % 2 ? "READONLY" : "x"));
    await admin.command(["REPLICAOF", "NO", "ONE"]);
    assertEquals(await other.command(["SET", "a", 1]), "OK");
    assert(await other.command<number>(["CLIENT", "ID"]) > id);
  });

  it("is logged without the password", async () => {
    await using locked = await startRedis({ password: "hunter2" });
    await using proxy = await startProxy(locked.port);
    const { lines, logger } = recorder();
    await using other = createClient(`redis://:hunter2@127.0.0.1:${proxy.port}`, { retry, logger });
    await other.command(["PING"]);
    proxy.cut();
    await eventually(() => lines.length === 2);
    assertEquals(lines.map((line) => line.replace(/:\d+/, ":port").replace(/lost: .*/, "lost: why")), [
      "Connection to redis://127.0.0.1:port lost: why",
      "Reconnected to redis://127.0.0.1:port",
    ]);
  });
});

describe("credentials", () => {
  it("are refused immediately on the first connection, which is not attempted again", async () => {
    await using locked = await startRedis({ password: "hunter2" });
    const host = `127.0.0.1:${locked.port}`;
    const cases: [string, string][] = [[`redis://${host}`, "NOAUTH"], [`redis://:wr0ng@${host}`, "WRONGPASS"]];
    for (const [url, code] of cases) {
      await using other = createClient(url);
      const start = performance.now();
      const errors = await Promise.all([
        failure(other.command(["PING"])),
        failure(other.connect()),
        failure(other.dedicated()),
        failure(other.subscribe(["a"]).next()),
      ]);
      assert(performance.now() - start < 3000);
      for (const error of errors) {
        assertEquals(error.code, "REFUSED");
        assertEquals((error.cause as ReplyError).code, code);
        assert(!error.message.includes("wr0ng") && !String((error.cause as Error).stack).includes("wr0ng"));
      }
    }
    await using good = createClient(`redis://:hunter2@${host}`);
    const stats = await good.command<string>(["INFO", "stats"]);
    assertEquals(/total_connections_received:(\d+)/.exec(stats)![1], `${1 + 2 * 3 + 1}`);
  });

  it("that were accepted once are tried again, and the refusal is logged once", async () => {
    await using locked = await startRedis({ password: "hunter2" });
    await using admin = createClient(locked.url);
    const { lines, logger } = recorder();
    const options = { retry: { min: 10, max: 100 }, logger, connectTimeout: "5s" } as const;
    await using other = createClient(`redis://:hunter2@127.0.0.1:${locked.port}`, options);
    await other.command(["PING"]);
    await admin.command(["CONFIG", "SET", "requirepass", "changed"]);
    await admin.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    await eventually(() => lines.some((line) => line.includes("WRONGPASS")));
    const pong = other.command(["PING"]);
    const attempts = async () => {
      const stats = await admin.command<string>(["INFO", "stats"]);
      return Number(/total_connections_received:(\d+)/.exec(stats)![1]);
    };
    const before = await attempts();
    await eventually(async () => await attempts() >= before + 3);
    assertEquals(lines.filter((line) => line.includes("WRONGPASS")).length, 1);
    assert(!lines.join().includes("hunter2"));
    await admin.command(["CONFIG", "SET", "requirepass", "hunter2"]);
    assertEquals(await pong, "PONG");
  });
});
