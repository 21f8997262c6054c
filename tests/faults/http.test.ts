import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch } from "@std/assert";
import { createClient } from "../../src/redis/mod.ts";
import { findFreePort } from "../support/free_port.ts";
import { eventually } from "../support/poll.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { runtimeCommand } from "../support/runtime.ts";

const programs = [
  ["the server of the runtime", new URL("./fixtures/http_server.ts", import.meta.url)],
  ["examples/app/server.ts", new URL("../../examples/app/server.ts", import.meta.url)],
] as const;

describe("a program that serves HTTP and runs a worker", () => {
  let redis: RedisServer;
  before(async () => {
    redis = await startRedis();
  });
  after(async () => {
    await redis?.stop();
  });

  for (const [name, program] of programs) {
    it(`enqueues for a request that is under way after the worker has shut down, then exits: ${name}`, async () => {
      const port = await findFreePort();
      const env = { ...process.env, REDIS_URL: redis.url, PORT: `${port}` };
      const [command, ...args] = runtimeCommand(fileURLToPath(program));
      const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
      let output = "";
      child.stdout.on("data", (chunk) => output += chunk);
      child.stderr.on("data", (chunk) => output += chunk);
      const exited = once(child, "exit");
      try {
        const expected = { timeout: 20_000, message: "the program has started" };
        await eventually(() => output.includes("listening") && output.includes("starting worker"), expected);

        const socket = connect(port, "127.0.0.1");
        let response = "";
        socket.on("data", (chunk) => response += chunk);
        await once(socket, "connect");
        socket.write("POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 7\r\n\r\nto ");
        // The server has accepted the request once it answers another one.
        const other = await fetch(`http://127.0.0.1:${port}`, { method: "POST", body: "be" });
        assertMatch(await other.text(), /^[0-9a-f]{32}\n?$/);
        await eventually(() => output.includes("■"), { timeout: 20_000, message: "a task has run" });

        process.kill(child.pid!, "SIGTERM");
        await eventually(() => output.includes("shutdown worker"), { timeout: 20_000, message: "the worker stopped" });
        socket.write("be .");
        await eventually(() => /\r\n\r\n[^]*[0-9a-f]{32}/.test(response), { timeout: 20_000, message: "a response" });
        const [id] = /[0-9a-f]{32}/.exec(response)!;
        await using client = createClient(redis.url);
        assertEquals(await client.command(["EXISTS", `streaq:app:task:data:${id}`]), 1);

        await eventually(() => child.exitCode !== null, { timeout: 20_000, message: "the program has exited" });
        assertEquals((await exited)[0], 0, output);
      } finally {
        if (child.exitCode === null) child.kill("SIGKILL");
      }
    });
  }
});
