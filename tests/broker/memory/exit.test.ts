import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assertEquals } from "@std/assert";
import { runtimeCommand } from "../../support/runtime.ts";

const program = fileURLToPath(new URL("./fixtures/program.ts", import.meta.url));

describe("A process with a queue in memory", () => {
  it("exits by itself after close(), even if delayed tasks and results are left", async () => {
    const [command, ...args] = runtimeCommand(program);
    const { stdout, stderr } = await promisify(execFile)(command, args, { timeout: 30_000 }).catch((error) => error);
    assertEquals(stdout, "42\n", stderr);
  });
});
