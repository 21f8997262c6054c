import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { eventually } from "./poll.ts";
import { runtimeCommand } from "./runtime.ts";
import { Subprocess } from "./subprocess.ts";

describe("Subprocess", () => {
  it("running is false once the process has exited", async () => {
    const child = await Subprocess.start("sleep", ["60"]);
    assert(child.running);
    await child.end("SIGTERM");
    assert(!child.running);
    child.signal("SIGTERM");
  });

  it("start() rejects when the command cannot be started", async () => {
    const error = await assertRejects(() => Subprocess.start("no-such-command", []), Error);
    assertEquals((error as { code?: string }).code, "ENOENT");
  });

  it("kills its process when the process that started it is killed", async () => {
    const [command, ...args] = runtimeCommand(fileURLToPath(new URL("fixtures/start_redis.ts", import.meta.url)));
    const parent = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    parent.stdout.on("data", (bytes) => output += bytes);
    await eventually(() => output.endsWith("\n"), { timeout: 20_000, message: "the server listens" });
    const port = Number(output);
    assert(await listens(port));
    parent.kill("SIGKILL");
    await once(parent, "exit");
    await eventually(async () => !await listens(port), { message: "the server is gone" });
  });
});

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false)); // Refused.
  });
}
