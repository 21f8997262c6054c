import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { assertEquals } from "@std/assert";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { eventually } from "../support/poll.ts";
import { runtimeCommand } from "../support/runtime.ts";

const program = fileURLToPath(new URL("./fixtures/never_settles.ts", import.meta.url));

describe("a process whose worker was closed while a function never settles", () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis();
  });
  after(async () => {
    await server?.stop();
  });

  for (const how of ["released", "aborted", "unique"]) {
    it(`exits by itself before the timeout of the task, which is ${how}`, async () => {
      const [command, ...args] = runtimeCommand(program, server.url, how);
      const { stdout } = await promisify(execFile)(command, args, { timeout: 30_000 }).catch((error) => error);
      assertEquals(stdout, "closed\n");
    });
  }
});

describe("a program that ends with run()", () => {
  const program = fileURLToPath(new URL("./fixtures/ends_with_run.ts", import.meta.url));

  it("exits by itself after SIGTERM, however often it is delivered, and can still enqueue before that", async () => {
    await using server = await startRedis();
    const [command, ...args] = runtimeCommand(program, server.url);
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => output += chunk);
    child.stderr.on("data", (chunk) => output += chunk);
    const exited = once(child, "exit");
    await eventually(() => output.includes("running"), { timeout: 20_000 });
    // With `kill()` of the child, Deno would report the signal instead of the exit code.
    process.kill(child.pid!, "SIGTERM");
    process.kill(child.pid!, "SIGTERM");
    const [code, signal] = await Promise.race([
      exited,
      delay(20_000, ["still running", null] as const, { ref: false }),
    ]);
    if (code === "still running") child.kill("SIGKILL");
    assertEquals([code, signal], [0, null], output);
    assertEquals(output.trimEnd().split("\n").at(-1), "queued");
  });
});
