/** A server that may evict keys when its memory is full. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { createClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { Lines, Stage } from "../queue/stage.ts";
import { startRedis } from "../support/redis_server.ts";

const stage = new Stage(onRedis);

/** Runs a worker on a server with these settings, as a user with these permissions; returns its warnings. */
async function problemsOf({ settings, permissions = [], runs = 1 }: {
  settings: readonly string[];
  permissions?: readonly string[];
  runs?: number;
}): Promise<string[]> {
  await using server = await startRedis({ args: settings });
  await using admin = createClient(server.url);
  await admin.command(["ACL", "SETUSER", "app", "on", ">password", "~*", "&*", "+@all", ...permissions]);
  const logger = new Lines();
  const redisUrl = server.url.replace("redis://", "redis://app:password@");
  const worker = await stage.worker({ redisUrl, logger });
  const job = worker.task(() => 1, { name: "job" });
  for (let run = 0; run < runs; run++) {
    const task = await job.enqueue();
    await worker.run({ burst: true });
    assertEquals(await task.value(), 1);
  }
  await worker.close();
  return logger.problems;
}

const full = ["--maxmemory", "100mb"];

describe("a maxmemory-policy", () => {
  for (const policy of ["allkeys-lru", "volatile-ttl"]) {
    it(`of ${policy} is warned about once in each run`, async () => {
      const problems = await problemsOf({ settings: [...full, "--maxmemory-policy", policy], runs: 2 });
      const line =
        "warn Redis deletes keys of the queue when its memory is full, and loses tasks, results and locks: " +
        `expected maxmemory-policy noeviction, got ${policy}`;
      assertEquals(problems, [line, line]);
    });
  }

  it("that evicts nothing is not warned about", async () => {
    assertEquals(await problemsOf({ settings: [...full, "--maxmemory-policy", "noeviction"] }), []);
    assertEquals(await problemsOf({ settings: ["--maxmemory", "0", "--maxmemory-policy", "allkeys-lru"] }), []);
  });

  it("that the worker may not ask for is not warned about", async () => {
    const settings = [...full, "--maxmemory-policy", "allkeys-lru"];
    assertEquals(await problemsOf({ settings, permissions: ["-info", "-config", "-cluster"] }), []);
  });
});
