import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { ConnectionError, createClient, ReplyError } from "../../src/redis/mod.ts";
import { type ByteServer, type Peer, startByteServer } from "../support/byte_server.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";

/** Returns the commands that a client has sent so far, as words. */
function commands(peer: Peer): string[] {
  const words = peer.text.split("\r\n").filter((line) => !line.startsWith("$"));
  return words.join(" ").split(/ ?\*\d+ /).slice(1).map((line) => line.trim());
}

/** Starts a server that sends the reply in the table to each command, and an error to any other. */
function startAnswering(answers: Record<string, string>): Promise<ByteServer> {
  const answered: number[] = [];
  return startByteServer({
    onData(peer) {
      const all = commands(peer);
      for (const command of all.slice(answered[peer.index] ?? 0)) {
        const name = Object.keys(answers).find((name) => command.startsWith(name));
        peer.write(name === undefined ? `-ERR unknown command '${command}'\r\n` : answers[name]!);
      }
      answered[peer.index] = all.length;
    },
  });
}

/** Starts a server that sends the reply in the table to each command, and closes the connection after any other. */
function startHangingUp(answers: Record<string, string>): Promise<ByteServer> {
  const answered: number[] = [];
  return startByteServer({
    onData(peer) {
      const all = commands(peer);
      for (const command of all.slice(answered[peer.index] ?? 0)) {
        const name = Object.keys(answers).find((name) => command.startsWith(name));
        if (name === undefined) return peer.end();
        peer.write(answers[name]!);
      }
      answered[peer.index] = all.length;
    },
  });
}

describe("the handshake", () => {
  it("logs in, sets the name and selects the database with HELLO 3", async () => {
    await using server = await startRedis({ password: "p@ss word" });
    await using redis = createClient(`redis://:p%40ss%20word@127.0.0.1:${server.port}/2`, { name: "streaq:test" });
    const info = await redis.command<string>(["CLIENT", "INFO"]);
    for (const part of ["name=streaq:test ", "db=2 ", "resp=3", "user=default "]) assert(info.includes(part), info);
  });

  it("logs in as an ACL user without permissions for the handshake", async () => {
    await using server = await startRedis();
    await using admin = createClient(server.url);
    await admin.command(["ACL", "SETUSER", "app", "on", ">hunter2", "~*", "+get"]);
    await using redis = createClient(`redis://app:hunter2@127.0.0.1:${server.port}`, { name: "x" });
    assertEquals(await redis.command(["GET", "a"]), null);
    const error = await assertRejects(() => redis.command(["SET", "a", 1]), ReplyError);
    assertEquals(error.code, "NOPERM");
    await using own = await redis.dedicated();
    assert(own.clientId > 0);
  });

  it("is refused immediately if the user may not select the database", async () => {
    await using server = await startRedis();
    await using admin = createClient(server.url);
    await admin.command(["ACL", "SETUSER", "app", "on", ">hunter2", "~*", "+get"]);
    await using redis = createClient(`redis://app:hunter2@127.0.0.1:${server.port}/1`);
    const error = await assertRejects(() => redis.command(["GET", "a"]), ConnectionError, "NOPERM");
    assertEquals(error.code, "REFUSED");
  });

  it("is refused immediately if the database does not exist", async () => {
    await using server = await startRedis();
    await using redis = createClient(`${server.url}/16`);
    const error = await assertRejects(() => redis.command(["PING"]), ConnectionError, "DB index is out of range");
    assertEquals(error.code, "REFUSED");
  });

  it("uses RESP2 if the server does not support HELLO", async () => {
    await using server = await startRedis({ password: "hunter2", args: ["--rename-command", "HELLO", ""] });
    await using redis = createClient(`${server.url}/1`, { name: "old" });
    const info = await redis.command<string>(["CLIENT", "INFO"]);
    for (const part of ["name=old ", "db=1 ", "resp=2"]) assert(info.includes(part), info);
    await using own = await redis.dedicated();
    assertEquals(own.clientId, await own.command(["CLIENT", "ID"]));
    await redis.command(["HSET", "hash", "a", 1]);
    assertEquals(await redis.command(["HGETALL", "hash"]), ["a", "1"]);
    assertEquals(await redis.transaction([["HGETALL", "hash"], ["GET", "none"]]), [["a", "1"], null]);
  });

  it("is refused with wrong credentials in RESP2 too", async () => {
    await using server = await startRedis({ password: "hunter2", args: ["--rename-command", "HELLO", ""] });
    for (const user of [":wrong@", "nobody:wrong@", ""]) {
      await using redis = createClient(`redis://${user}127.0.0.1:${server.port}`);
      const error = await assertRejects(() => redis.command(["PING"]), ConnectionError);
      assertEquals(error.code, "REFUSED");
    }
  });

  it("uses RESP2 if the server does not support RESP3", async () => {
    await using server = await startAnswering({
      HELLO: "-NOPROTO unsupported protocol version\r\n",
      AUTH: "+OK\r\n",
      "CLIENT SETNAME": "-ERR Unknown subcommand\r\n",
      "CLIENT ID": "-ERR Unknown subcommand\r\n",
      SELECT: "+OK\r\n",
      PING: "+PONG\r\n",
      GET: "$1\r\nx\r\n",
    });
    await using redis = createClient(`redis://app:pw@127.0.0.1:${server.port}/4`, { name: "n" });
    assertEquals(await redis.command(["GET", "a"]), "x");
    assertEquals(commands(server.peers[0]!), [
      "HELLO 3 AUTH app pw SETNAME n",
      "AUTH app pw",
      "CLIENT SETNAME n",
      "CLIENT ID",
      "INFO server",
      "SELECT 4",
      "PING",
      "GET a",
    ]);
    await using own = await redis.dedicated();
    assertEquals(own.clientId, 0);
  });

  const refusals = [
    "ERR unknown or unsupported command 'HELLO'",
    "ERR unsupported command",
    "ERR command 'HELLO' is not allowed",
    "NOPERM this user has no permissions to run the 'hello' command",
  ];
  for (const refusal of refusals) {
    it(`uses RESP2 after the reply ${refusal}`, async () => {
      await using server = await startAnswering({ HELLO: `-${refusal}\r\n`, AUTH: "+OK\r\n", PING: "+PONG\r\n" });
      await using redis = createClient(`redis://app:pw@127.0.0.1:${server.port}`);
      assertEquals(await redis.command(["PING"]), "PONG");
      assertEquals(commands(server.peers[0]!).slice(0, 2), ["HELLO 3 AUTH app pw", "AUTH app pw"]);
    });
  }

  it("uses RESP2 if the server closes the connection after HELLO although it is up", async () => {
    await using server = await startHangingUp({
      AUTH: "+OK\r\n",
      PING: "+PONG\r\n",
      SELECT: "+OK\r\n",
      GET: "$1\r\nx\r\n",
    });
    const options = { name: "n", retry: { min: 1, max: 5 } };
    await using redis = createClient(`redis://:pw@127.0.0.1:${server.port}/4`, options);
    assertEquals(await redis.command(["GET", "a"]), "x");
    const hello = "HELLO 3 AUTH default pw SETNAME n";
    const bare = ["AUTH pw", "SELECT 4", "PING"];
    assertEquals(server.peers.map(commands), [[hello], ["PING", hello], [...bare, "GET a"]]);
    // Further connections begin with what has succeeded.
    await using own = await redis.dedicated();
    assertEquals([own.clientId, await own.command(["GET", "a"])], [0, "x"]);
    assertEquals(server.peers.slice(3).map(commands), [[...bare, "GET a"]]);
  });

  it("does without HELLO, CLIENT and INFO if the server closes the connection after them with protocol 2", async () => {
    await using server = await startHangingUp({ PING: "+PONG\r\n" });
    const options = { protocol: 2, retry: { min: 1, max: 5 } } as const;
    await using redis = createClient(`redis://127.0.0.1:${server.port}`, options);
    assertEquals(await redis.command(["PING"]), "PONG");
    assertEquals(commands(server.peers.at(-1)!), ["PING", "PING"]);
    assertEquals(server.peers.length, 3);
  });

  it("keeps RESP3 if the server closes connections because it is down", async () => {
    // A load balancer without a server accepts connections, and closes them.
    let isUp = false;
    await using server = await startRedis();
    await using balancer = await startByteServer({
      onConnect: (peer) => {
        if (!isUp) return;
        const socket = connect(server.port, "127.0.0.1");
        socket.on("error", () => peer.destroy());
        socket.on("data", (bytes) => peer.write(bytes));
        upstream[peer.index] = socket;
      },
      // A connection from before the server came up has none behind it.
      onData: (peer, bytes) => {
        const socket = upstream[peer.index];
        if (socket) socket.write(bytes);
        else peer.end();
      },
    });
    const upstream: Socket[] = [];
    try {
      await using redis = createClient(`redis://127.0.0.1:${balancer.port}`, { retry: { min: 1, max: 5 } });
      const info = redis.command<string>(["CLIENT", "INFO"]);
      await eventually(() => balancer.peers.length >= 12);
      isUp = true;
      assert((await info).includes("resp=3"), await info);
      assert(balancer.peers.every((peer) => peer.text.includes("HELLO") || commands(peer).join() === "PING"));
    } finally {
      for (const socket of upstream) socket?.destroy();
    }
  });

  it("returns to HELLO after an attempt without it has failed", async () => {
    const answers: Record<string, string> = { PING: "+PONG\r\n" };
    await using server = await startHangingUp(answers);
    await using redis = createClient(`redis://127.0.0.1:${server.port}`, { retry: { min: 1, max: 5 } });
    assertEquals(await redis.command(["PING"]), "PONG");
    // Another server takes over, which supports HELLO.
    delete answers.PING;
    for (const peer of server.peers) peer.destroy();
    await eventually(() => server.peers.length >= 6);
    Object.assign(answers, { PING: "+PONG\r\n", HELLO: "%1\r\n$2\r\nid\r\n:7\r\n" });
    await using own = await redis.dedicated();
    assertEquals(own.clientId, 7);
  });

  it("sends no HELLO with protocol 2, for servers that answer it in an unknown way", async () => {
    await using server = await startRedis({ password: "hunter2" });
    await using redis = createClient(`${server.url}/1`, { protocol: 2 });
    assert((await redis.command<string>(["CLIENT", "INFO"])).includes("resp=2"));
    await redis.command(["HSET", "hash", "a", 1]);
    assertEquals(await redis.command(["HGETALL", "hash"]), ["a", "1"]);
    assert(!(await redis.command<string>(["INFO", "commandstats"])).includes("cmdstat_hello"));
    assertThrows(() => createClient(server.url, { protocol: 4 as 3 }), RangeError, "expected 2 or 3, got 4");
  });

  it("asks a function for the password at each connect", async () => {
    await using server = await startRedis({ password: "first" });
    let asked = 0;
    const password = async () => {
      asked++;
      await Promise.resolve();
      return asked === 1 ? "first" : "second";
    };
    const url = `redis://127.0.0.1:${server.port}`;
    await using redis = createClient(url, { password, retry: { min: 10, max: 50 } });
    await redis.command(["CONFIG", "SET", "requirepass", "second"]);
    await using admin = createClient(url, { password: "second" });
    await admin.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    await eventually(() => asked >= 2);
    assertEquals(await redis.command(["PING"]), "PONG");
  });

  it("tries again while the function for the password fails", async () => {
    await using server = await startRedis({ password: "hunter2" });
    let asked = 0;
    const password = () => {
      if (++asked === 1) throw new Error("hunter2 is secret");
      return asked === 2 ? undefined as unknown as string : "hunter2";
    };
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const logger = { debug: log, info: log, warn: log, error: log };
    await using redis = createClient(`redis://127.0.0.1:${server.port}`, {
      password,
      logger,
      retry: { min: 5, max: 9 },
    });
    assertEquals(await redis.command(["PING"]), "PONG");
    assert(lines.some((line) => line.includes("the password has thrown an error")), lines.join());
    assert(lines.some((line) => line.includes("the password has returned undefined")), lines.join());
    assert(!lines.join().includes("hunter2"));
  });

  it("succeeds if an old server requires no password", async () => {
    await using server = await startAnswering({
      AUTH: "-ERR Client sent AUTH, but no password is set\r\n",
      PING: "+PONG\r\n",
    });
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const logger = { debug: log, info: log, warn: log, error: log };
    await using redis = createClient(`redis://:hunter2@127.0.0.1:${server.port}`, { logger });
    assertEquals(await redis.command(["PING"]), "PONG");
    assertEquals(lines, ["The server requires no password: the given one is ignored"]);
  });

  it("hides a password that the server repeats in an error", async () => {
    await using server = await startAnswering({
      HELLO: "-ERR syntax error near `3`, `AUTH`, `default`, `hunter2`, \r\n",
    });
    await using redis = createClient(`redis://:hunter2@127.0.0.1:${server.port}`);
    const error = await assertRejects(() => redis.command(["PING"]), ConnectionError, "`***`");
    assert(!`${error.stack} ${(error.cause as Error).stack}`.includes("hunter2"));
  });

  it("is refused if the reply is not valid", async () => {
    await using server = await startAnswering({ HELLO: "+HI\r\n" });
    await using redis = createClient(`redis://127.0.0.1:${server.port}`);
    const error = await assertRejects(() => redis.command(["PING"]), ConnectionError, "HELLO: expected a map, got HI");
    assertEquals(error.code, "REFUSED");
  });

  for (const state of ["LOADING Redis is loading the dataset in memory", "BUSY Redis is busy running a script"]) {
    it(`waits for a server that replies ${state.split(" ")[0]}`, async () => {
      const answers: Record<string, string> = { HELLO: "%1\r\n$2\r\nid\r\n:7\r\n", PING: `-${state}\r\n` };
      await using server = await startAnswering(answers);
      await using redis = createClient(`redis://127.0.0.1:${server.port}`, { retry: { min: 10, max: 50 } });
      const pong = redis.command(["PING"]);
      await eventually(() => server.peers.length >= 3);
      answers.PING = "+PONG\r\n";
      assertEquals(await pong, "PONG");
    });
  }

  it("waits for a real server that is busy", async () => {
    await using server = await startRedis({ args: ["--lua-time-limit", "1"] });
    await using admin = createClient(server.url);
    await using runner = createClient(server.url);
    await Promise.all([admin.connect(), runner.connect()]);
    const script = runner.command(["EVAL", "while true do end", 0]).catch((error) => error);
    await eventually(async () => await admin.command(["PING"]).catch((error) => error.code) === "BUSY");
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const logger = { debug: log, info: log, warn: log, error: log };
    await using redis = createClient(server.url, { retry: { min: 10, max: 50 }, logger });
    const pong = redis.command(["PING"]);
    await eventually(() => lines.some((line) => line.includes("BUSY")));
    await admin.command(["SCRIPT", "KILL"]);
    assert((await script) instanceof ReplyError);
    assertEquals(await pong, "PONG");
  });
});
