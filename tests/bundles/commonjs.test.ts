import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { packageProgram } from "../../scripts/runtimes.mjs";
import { RUNTIME } from "../support/runtime.ts";
import { Application } from "./application.ts";

const skip = RUNTIME === "node" ? false : "CommonJS is tried on Node";
const requires = (process.features as { require_module?: boolean }).require_module === true;

/** The source of a module in TypeScript or ESM, from which a bundler makes CommonJS. */
const program = `
import { isMainThread } from "node:worker_threads";
import { Worker } from "@q/streaq";

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const worker = new Worker({ redisUrl: "memory://", handleSignals: false, logger });
const compute = worker.task((value) => [value * 2, isMainThread], { name: "compute", thread: import.meta.url });

async function run() {
  const task = await compute.enqueue(21);
  await worker.run({ burst: true });
  console.log(JSON.stringify((await task.result()).result));
  await worker.close();
}

if (isMainThread) run();
`;

describe("CommonJS", () => {
  let app: Application;
  before(() => {
    if (skip) return;
    app = new Application();
    app.write("esm.js", program);
  });
  after(() => app?.[Symbol.dispose]());

  /** Runs a bundle, or another file. */
  async function run(file: string): Promise<unknown[]> {
    const output = await app.run([process.execPath, file], file.includes("/") ? app.source : app.target);
    return output.trimEnd().split("\n").map((line) => JSON.parse(line));
  }

  /** Bundles a file with esbuild. */
  async function bundle(file: string): Promise<void> {
    const { build } = await import("esbuild");
    const options = { bundle: true, format: "cjs", platform: "node", logLevel: "silent" } as const;
    const outExtension = { ".js": ".cjs" };
    await build({ ...options, absWorkingDir: app.source, entryPoints: [file], outdir: app.target, outExtension });
  }

  const skipRequire = skip || (requires ? false : "This version of Node cannot require an ES module");
  it("can require the package and run its functions in threads", { skip: skipRequire }, async () => {
    assertEquals(await run("./program.cjs"), [true, [42, false]]);
  });

  it("in a bundle of esbuild runs functions in threads by the URL of __filename", { skip }, async () => {
    await bundle("program.cjs");
    assertEquals(await run("program.cjs"), [true, [42, false]]);
  });

  it("in a bundle of esbuild refuses import.meta.url, which is undefined there", { skip }, async () => {
    await bundle("esm.js");
    await assertRejects(
      () => run("esm.cjs"),
      Error,
      'StreaqError: Cannot register task compute: option "thread" is undefined, as import.meta.url is in this CommonJS',
    );
  });

  it("in a bundle of Rollup runs functions in threads by import.meta.url", { skip }, async () => {
    const options = ["--input", "esm.js", "--file", `${app.target}/rollup.cjs`, "--format", "cjs", "--silent"];
    await app.run([...packageProgram("rollup"), "--plugin", "node-resolve", "--external", "node:*", ...options]);
    assertEquals(await run("rollup.cjs"), [[42, false]]);
  });
});
