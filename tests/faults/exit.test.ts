import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assertEquals } from "@std/assert";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { runtimeCommand } from "../support/runtime.ts";

const program = fileURLToPath(new URL("./fixtures/stuck.ts", import.meta.url));

describe("A process whose worker is closed over a function that never settles", () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis();
  });
  after(async () => {
    await server?.stop();
  });

  for (const how of ["handed back", "aborted", "unique"]) {
    it(`exits by itself, long before the timeout of its task: ${how}`, async () => {
      const [command, ...args] = runtimeCommand(program, server.url, how);
      const { stdout } = await promisify(execFile)(command, args, { timeout: 30_000 }).catch((error) => error);
      assertEquals(stdout, "closed\n");
    });
  }
});
