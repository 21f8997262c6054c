import { existsSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import process from "node:process";
import { describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import { assert, assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { eventually } from "./poll.ts";
import { startRedis } from "./redis_server.ts";

describe("startRedis()", () => {
  it("starts a server that answers on its port and its socket", async () => {
    await using redis = await startRedis();
    assertEquals(redis.url, `redis://127.0.0.1:${redis.port}`);
    assertEquals(await ask(connectPlain(redis.port, "127.0.0.1"), "PING"), "+PONG");
    assertEquals(await ask(connectPlain(redis.socketPath), "PING"), "+PONG");
  });

  it("starts several servers at once, each on its own port", async () => {
    const servers = await Promise.all(Array.from({ length: 5 }, () => startRedis()));
    assertEquals(new Set(servers.map((server) => server.port)).size, 5);
    await Promise.all(servers.map((server) => server.stop()));
  });

  it("leaves neither a process nor a folder after stop()", async () => {
    const redis = await startRedis({ appendonly: true });
    const { pid, socketPath } = redis;
    await redis.stop();
    await redis.stop();
    assert(!isAlive(pid));
    assert(!existsSync(socketPath));
  });

  it("passes additional arguments and configuration to the server", async () => {
    await using redis = await startRedis({ args: ["--maxmemory", "4mb"], config: ["hz 37"] });
    const socket = connectPlain(redis.port, "127.0.0.1");
    assertStringIncludes(await ask(socket, "INFO memory", "maxmemory:4194304"), "maxmemory:4194304");
    assertStringIncludes(await ask(connectPlain(redis.port, "127.0.0.1"), "INFO server", "hz:37"), "hz:37");
  });

  it("protects the server with the password", async () => {
    await using redis = await startRedis({ password: 'a "b" c' });
    assertEquals(redis.url, `redis://:a%20%22b%22%20c@127.0.0.1:${redis.port}`);
    assertStringIncludes(await ask(connectPlain(redis.port, "127.0.0.1"), "PING"), "-NOAUTH");
    assertEquals(await ask(connectPlain(redis.port, "127.0.0.1"), 'AUTH "a \\"b\\" c"'), "+OK");
  });

  it("uses TLS with a certificate that its authority has signed", async () => {
    await using redis = await startRedis({ tls: true });
    assertEquals(redis.url, `rediss://127.0.0.1:${redis.port}`);
    const socket = connectTls({ port: redis.port, host: "127.0.0.1", servername: "localhost", ca: redis.ca });
    assertEquals(await ask(socket, "PING"), "+PONG");
  });

  it("keeps acknowledged writes after a SIGKILL only with appendonly", async () => {
    for (const [appendonly, kept] of [[true, ":1"], [false, ":0"]] as const) {
      await using redis = await startRedis({ appendonly });
      const { pid, port } = redis;
      assertEquals(await ask(connectPlain(port, "127.0.0.1"), "SET key value"), "+OK");
      await redis.kill();
      assert(!isAlive(pid));
      await redis.restart();
      assertEquals(redis.port, port);
      assertNotEquals(redis.pid, pid);
      assertEquals(await ask(connectPlain(port, "127.0.0.1"), "EXISTS key"), kept);
    }
  });

  it("does not answer between pause() and resume()", async () => {
    await using redis = await startRedis();
    redis.pause();
    const reply = ask(connectPlain(redis.port, "127.0.0.1"), "PING");
    await assertRejects(() => eventually(() => reply, { timeout: 100 }), Error, "Condition not met within 100 ms");
    redis.resume();
    assertEquals(await reply, "+PONG");
  });

  it("rejects with the log of a server that does not start", async () => {
    await assertRejects(() => startRedis({ args: ["--nonsense", "1"] }), Error, "nonsense");
  });
});

/** Sends an inline command, and resolves to the first line of the reply, or to everything once that includes `until`. */
function ask(socket: Socket, command: string, until?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`The connection was closed after: ${text}`)));
    socket.on("data", (bytes) => {
      text += bytes;
      if (!text.includes(until ?? "\r\n")) return;
      resolve(until ? text : text.slice(0, text.indexOf("\r\n")));
      socket.destroy();
    });
    socket.write(`${command}\r\n`);
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // The process does not exist.
  }
}
