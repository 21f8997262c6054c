import { assert, assertEquals } from "@std/assert";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { type RedisServer, startRedis } from "../support/redis_server.ts";

let server: RedisServer;
let folder: string;
before(async () => {
  server = await startRedis();
  folder = mkdtempSync(join(tmpdir(), "streaq-exit-"));
});
after(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const client = new URL("../../src/redis/mod.ts", import.meta.url).href;

/** Returns the arguments with which this runtime runs a TypeScript file. */
function commandLine(script: string): string[] {
  if ("Deno" in globalThis) return ["run", "-A", "--no-check", "--no-config", script];
  if ("Bun" in globalThis) return ["run", script];
  return ["--import", "tsx", script];
}

/** Runs a script on this runtime; resolves to its exit code, and how long it lived after it printed "closed". */
async function run(body: string): Promise<{ code: number | null; output: string; lingered: number }> {
  const script = join(folder, `${Math.random()}.mts`);
  writeFileSync(script, `import { createClient } from ${JSON.stringify(client)};\n${body}\n`);
  const child = spawn(process.execPath, commandLine(script), { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let closedAt = NaN;
  const onOutput = (chunk: Uint8Array): void => {
    output += chunk.toString();
    if (output.includes("closed") && Number.isNaN(closedAt)) closedAt = performance.now();
  };
  child.stdout.on("data", onOutput);
  child.stderr.on("data", onOutput);
  const overdue = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(overdue);
  return { code, output, lingered: performance.now() - closedAt };
}

async function assertExits(body: string): Promise<void> {
  const { code, output, lingered } = await run(`${body}\nconsole.log("closed");`);
  assertEquals(code, 0, output);
  assertEquals(output, "closed\n");
  assert(lingered < 1000, `${lingered} ms`);
}

describe("a process", () => {
  it("exits by itself after close() with every kind of connection open", async () => {
    await assertExits(`
      const redis = createClient("${server.url}");
      await redis.command(["PING"]);
      const own = await redis.dedicated();
      own.command(["BLPOP", "none", 0]).catch(() => {});
      redis.command(["PING"], { timeout: "1h", signal: new AbortController().signal }).catch(() => {});
      for await (const _ of redis.subscribe(["c"], { onSubscribed: () => redis.command(["PUBLISH", "c", "x"]) })) break;
      redis.listen("d", { message() {} });
      await redis.close();
    `);
  });

  it("exits by itself after close() of a client that could not connect", async () => {
    await assertExits(`
      let redis;
      await new Promise((onFailedAttempt) => {
        const logger = { debug() {}, info() {}, warn: onFailedAttempt, error() {} };
        redis = createClient("redis://127.0.0.1:1", { logger });
        redis.command(["PING"]).catch(() => {});
        redis.listen("d", { message() {} });
      });
      await redis.close();
    `);
  });

  it("exits by itself after close() in the middle of a handshake", async () => {
    const body = `
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const redis = createClient("redis://127.0.0.1:" + server.address().port);
      redis.command(["PING"]).catch(() => {});
      const [socket] = await once(server, "connection");
      await once(socket, "data"); // HELLO
      server.close();
      await redis.close();
    `;
    await assertExits(`import { once } from "node:events"; import { createServer } from "node:net";${body}`);
  });

  it("exits by itself after close() while the server does not answer", async () => {
    await using stuck = await startRedis();
    const body = `
      const redis = createClient("${stuck.url}");
      await Promise.all([redis.command(["PING"]), redis.dedicated()]);
      process.kill(${stuck.pid}, "SIGSTOP");
      redis.command(["PING"]).catch(() => {});
      await redis.close();
    `;
    await assertExits(`import process from "node:process";${body}`);
  });

  it("exits by itself when the client was never used", async () => {
    await assertExits(`createClient("${server.url}", { logger: console });`);
  });

  it("exits by itself after its commands were rejected for want of a connection", async () => {
    await assertExits(`
      const redis = createClient("redis://127.0.0.1:1", { connectTimeout: 100 });
      await redis.command(["PING"]).catch(() => {});
    `);
  });
});
