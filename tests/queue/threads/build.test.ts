import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { BUN, ROOT } from "../../../scripts/runtimes.mjs";
import { startRedis } from "../../support/redis_server.ts";
import { RUNTIME } from "../../support/runtime.ts";

/** A program in JavaScript that uses the npm package. */
const program = `
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { taskContext, Worker, StreaqRetry, workerContext } from "../package/dist/index.js";

const [redisUrl, queueName] = [process.env.STREAQ_TEST_URL, process.env.STREAQ_TEST_QUEUE];
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const worker = new Worker({ redisUrl, queueName, handleSignals: false, logger: quiet });
const thread = import.meta.url;

const compute = worker.task(function compute(value) {
  return { value: value * 2, fnName: taskContext().fnName, isMainThread };
}, { thread });
const flaky = worker.task(function flaky() {
  if (taskContext().tries === 1) throw new StreaqRetry("once more", { delay: 1 });
  return taskContext().tries;
}, { thread });
const ask = worker.task(function ask() {
  return workerContext();
}, { thread, maxTries: 1 });
const typed = worker.task(function typed() {}, { thread: new URL("./typed.ts", import.meta.url).href, maxTries: 1 });

if (isMainThread) {
  const tasks = [await compute.enqueue(21), await flaky.enqueue(), await ask.enqueue(), await typed.enqueue()];
  const stop = new AbortController();
  const running = worker.run({ signal: stop.signal });
  for (const task of tasks) {
    const outcome = await task.result();
    console.log(outcome.success ? JSON.stringify(outcome.result) : outcome.exception.message);
  }
  stop.abort();
  await running;
  await worker.close();
}
`;

/** A module in TypeScript for a thread of that program. */
const typed = `
import { Worker } from "../package/dist/index.js";

export const typed = new Worker().task(function typed(): string {
  return "read";
}, { thread: import.meta.url });
`;

const skip = RUNTIME === "node" ? false : "The tests on Node run it on Bun too";

/** Builds the package into a folder, and writes an application that uses it next to it. Returns the folder of the application. */
function install(folder: string): string {
  const [home, app] = [join(folder, "package"), join(folder, "app")];
  const build = ["node_modules/.bin/tsup", "--out-dir", join(home, "dist"), "--no-dts", "--silent"];
  execFileSync(process.execPath, build, { cwd: ROOT });
  // Only the package sees the modules that are installed here: the application has no tsx.
  symlinkSync(join(ROOT, "node_modules"), join(home, "node_modules"));
  mkdirSync(app);
  for (const path of [home, app]) writeFileSync(join(path, "package.json"), '{ "type": "module" }');
  writeFileSync(join(app, "program.js"), program);
  writeFileSync(join(app, "typed.ts"), typed);
  return app;
}

describe("Threads of the npm package", () => {
  for (const [runtime, command] of [["node", process.execPath], ["bun", BUN]] as const) {
    it(`run the functions of a JavaScript module on ${runtime}`, { skip }, async () => {
      await using redis = await startRedis();
      const folder = mkdtempSync(join(tmpdir(), "streaq-build-"));
      try {
        const cwd = install(folder);
        const env = { ...process.env, NODE_OPTIONS: "", STREAQ_TEST_URL: redis.url, STREAQ_TEST_QUEUE: runtime };
        const { stdout, stderr } = await promisify(execFile)(command, ["program.js"], { cwd, env, timeout: 30_000 });
        const [compute, flaky, ask, typed] = stdout.split("\n");
        assertEquals(stderr, "");
        assertEquals(JSON.parse(compute!), { value: 42, fnName: "compute", isMainThread: false });
        assertEquals(flaky, "2");
        assertEquals(ask, "Cannot read the worker context: a thread has no worker");
        if (runtime === "bun" || "typescript" in process.features) assertEquals(typed, '"read"');
        else assertStringIncludes(typed!, "Node before 22.18 needs it built to JavaScript, or tsx installed");
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
});
