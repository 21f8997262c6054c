import { execFile } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { RUNTIME, runtimeCommand } from "../../support/runtime.ts";

const program = fileURLToPath(new URL("./fixtures/program.ts", import.meta.url));

/** Runs the program until it ends by itself, and returns the lines that it prints. */
async function output(mode: string, env: Record<string, string> = {}): Promise<string[]> {
  const [command, ...args] = runtimeCommand(program, mode);
  const options = { timeout: 30_000, env: { ...process.env, ...env } };
  const { stdout, stderr } = await promisify(execFile)(command, args, options);
  assertEquals(stderr, "");
  return stdout.trimEnd().split("\n");
}

describe("A process with threads", () => {
  it("ends although one of them is idle", async () => {
    assertEquals(await output("idle"), ["42"]);
  });

  it("does not end while one of them runs a call", async () => {
    assertEquals(await output("busy"), ["42", "300"]);
  });

  it("can wait for close() before it ends", async () => {
    assertEquals(await output("close"), ["42", "closed"]);
  });

  it("learns the error that a thread died of, unless a module handles it itself", async () => {
    assertEquals(await output("deaths"), [
      "42",
      "Task stray was cut off: its thread exited <- PaymentError: from a timer",
      "Task unhandled was cut off: its thread exited <- PaymentError: nobody listens",
      "from a timer",
    ]);
  });

  const skip = RUNTIME === "node" ? false : "A thread that runs out of memory ends the process";
  it("survives a thread that runs out of memory", { skip }, async () => {
    const [, failure, after] = await output("memory", { NODE_OPTIONS: "--max-old-space-size=64" });
    assertStringIncludes(
      failure!,
      "Task swallow was cut off: its thread exited <- Error: Worker terminated due to reaching memory",
    );
    assertEquals(after, "44");
  });
});
