import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DENO, ROOT } from "../../scripts/runtimes.mjs";
import { type RedisServer, startRedis } from "../support/redis_server.ts";

const library = new URL("../../mod.ts", import.meta.url);
const cli = fileURLToPath(new URL("../../src/cli/bin.ts", import.meta.url));

describe("the permissions of Deno", () => {
  const folder = mkdtempSync(join(tmpdir(), "streaq-permissions-"));
  let redis: RedisServer;
  before(async () => {
    redis = await startRedis();
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await redis?.stop();
  });

  /** Writes a program with a worker of its own queue. */
  function write(name: string, text: string): string {
    const file = join(folder, `${name}.ts`);
    const header = `import { isMainThread } from "node:worker_threads";
import { Worker } from ${JSON.stringify(library.href)};
export const worker = new Worker({ redisUrl: ${JSON.stringify(redis.url)}, queueName: "${name}" });
`;
    writeFileSync(file, header + text);
    return file;
  }

  /** Runs a program with some permissions, and returns what it prints. */
  async function run(permissions: readonly string[], ...args: readonly string[]): Promise<string> {
    // Only the configuration of the checkout names the npm packages that the library imports.
    const flags = ["run", "--no-prompt", "--no-check", "--quiet", "--config", join(ROOT, "deno.json")];
    const command = [...flags, ...permissions, ...args];
    const { stdout, stderr } = await promisify(execFile)(DENO, command, { cwd: ROOT, timeout: 60_000 })
      .catch((error) => error);
    return stdout + stderr;
  }

  it("let a worker run tasks and cron jobs with --allow-net alone", async () => {
    const file = write(
      "net",
      `const double = worker.task("double", (value: number) => value * 2);
worker.cron("* * * * *", () => {}, { name: "tick" });
const task = await double.enqueue(21).pipe(double);
await worker.run({ burst: true });
console.log("value", await task.value(), (await worker.schedules()).length);
await worker.close();
`,
    );
    assertStringIncludes(await run(["--allow-net"], file), "value 84 1\n");
  });

  it("make a command fail at once if --allow-net, or a permission for a Unix socket, is missing", async () => {
    const file = join(folder, "refused.ts");
    writeFileSync(
      file,
      `import { createClient } from ${JSON.stringify(new URL("../../src/redis/mod.ts", import.meta.url).href)};
for (const url of ${JSON.stringify([redis.url, "unix:///no/such/redis.sock"])}) {
  await using redis = createClient(url, { connectTimeout: "50s" });
  console.log("refused", await redis.command(["PING"]).catch(({ code, message }) => code + " " + message));
}
`,
    );
    const withoutNet = await run(["--allow-env"], file);
    assertMatch(withoutNet, /^refused REFUSED Cannot connect to redis:.*--allow-net/m);
    assertMatch(withoutNet, /^refused REFUSED Cannot connect to unix:/m);
    const withNet = await run(["--allow-net"], file);
    assertMatch(withNet, /^refused PONG$/m);
    assertMatch(withNet, /^refused REFUSED Cannot connect to unix:.*--allow-read/m);
  });

  it("let a worker run threads with --allow-read too; without it, the task fails and says so", async () => {
    const file = write(
      "thread",
      `const double = worker.task("double", (value: number) => value * 2, { thread: import.meta.url });
if (isMainThread) {
  const task = await double.enqueue(21);
  await worker.run({ burst: true });
  console.log("value", await task.value().catch((error) => error.message));
  await worker.close();
}
`,
    );
    assertStringIncludes(await run(["--allow-net", "--allow-read"], file), "value 42\n");
    assertStringIncludes(await run(["--allow-net"], file), "value Cannot import module");
    assertStringIncludes(await run(["--allow-net"], file), "--allow-read");
  });

  it("let the command line run a module with --allow-read too; without it, it fails and says so", async () => {
    const file = write("module", 'worker.task("double", (value: number) => value * 2);\n');
    const output = await run(["--allow-net", "--allow-read"], cli, "run", file, "--burst");
    assertStringIncludes(output, "shutdown worker");
    const refused = await run(["--allow-net"], cli, "run", file, "--burst");
    assertEquals([refused.includes("shutdown worker"), refused.includes("--allow-read")], [false, true], refused);
  });
});
