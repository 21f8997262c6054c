import { execFile } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { RUNTIME, runtimeCommand } from "../../support/runtime.ts";

const program = fileURLToPath(new URL("./fixtures/program.ts", import.meta.url));

/** What the program prints, once it has ended by itself. */
async function output(mode: string, env: Record<string, string> = {}): Promise<string[]> {
  const [command, ...args] = runtimeCommand(program, mode);
  const options = { timeout: 30_000, env: { ...process.env, ...env } };
  const { stdout, stderr } = await promisify(execFile)(command, args, options);
  assertEquals(stderr, "");
  return stdout.trimEnd().split("\n");
}

describe("A process with threads", () => {
  it("ends although a thread is there that has nothing to do", async () => {
    assertEquals(await output("idle"), ["42"]);
  });

  it("does not end while a thread runs something", async () => {
    assertEquals(await output("busy"), ["42", "300"]);
  });

  it("sees the end of close()", async () => {
    assertEquals(await output("close"), ["42", "closed"]);
  });

  it("is told what a thread died of, unless a module takes care of that itself", async () => {
    assertEquals(await output("deaths"), [
      "42",
      "Task stray was cut off: its thread exited <- PaymentError: from a timer",
      "Task unhandled was cut off: its thread exited <- PaymentError: nobody listens",
      "from a timer",
    ]);
  });

  const skip = RUNTIME === "node" ? false : "A thread without memory takes the process along";
  it("survives a thread that takes too much memory", { skip }, async () => {
    const [, failure, after] = await output("memory", { NODE_OPTIONS: "--max-old-space-size=64" });
    assertStringIncludes(
      failure!,
      "Task swallow was cut off: its thread exited <- Error: Worker terminated due to reaching memory",
    );
    assertEquals(after, "44");
  });
});
