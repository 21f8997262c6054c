import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assertEquals } from "@std/assert";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
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
