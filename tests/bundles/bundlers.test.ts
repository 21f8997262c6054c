import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { assertEquals } from "@std/assert";
import type { BuildOptions } from "esbuild";
import { BUN, DENO, packageProgram, ROOT } from "../../scripts/runtimes.mjs";
import { RUNTIME } from "../support/runtime.ts";
import { Application, FIXTURES } from "./application.ts";

const skip = RUNTIME === "node" ? false : "The bundlers run on Node, and their bundles on all runtimes";

/** How the bundles are run. */
const runtimes = { node: [process.execPath], bun: [BUN], deno: [DENO, "run", "-A"] };

describe("A bundle with the package", () => {
  let app: Application;
  before(async () => {
    if (skip) return;
    app = new Application();
    await esbuild("other.js");
  });
  after(() => app?.[Symbol.dispose]());

  /** Bundles a file; the bundle has the same name by default. */
  async function esbuild(file: string, bundle: string = file, options: BuildOptions = {}): Promise<void> {
    await bundleWith({ entryPoints: [file], outfile: join(app.target, bundle), ...options });
  }

  async function bundleWith(options: BuildOptions): Promise<void> {
    const { build } = await import("esbuild");
    await build({ absWorkingDir: app.source, bundle: true, format: "esm", platform: "node", ...options });
  }

  /** Runs a bundle of the program, and checks the outcome of each task. */
  async function check(...commandLine: string[]): Promise<void> {
    const url = (file: string) => pathToFileURL(join(app.target, file)).href;
    assertEquals(JSON.parse(await app.run(commandLine, app.target)), {
      main: true,
      compute: { value: 42, fnName: "compute", isMainThread: false },
      flaky: 2,
      job: false,
      other: "the other module",
      broken: {
        name: "StreaqError",
        message: `Cannot import module ${url("broken.js")} in a thread: It is broken`,
        hasStack: true,
        cause: {
          name: "RangeError",
          message: "It is broken",
          hasStack: true,
          cause: { name: "TypeError", message: "It was never whole", hasStack: true },
        },
      },
      silent: {
        name: "StreaqError",
        message: `Cannot run task silent in a thread: module ${url("silent.js")} does not register it`,
        hasStack: true,
      },
      again: { value: 44, fnName: "compute", isMainThread: false },
    });
  }

  for (const [runtime, command] of Object.entries(runtimes)) {
    it(`of esbuild runs functions in threads on ${runtime}`, { skip }, async () => {
      await esbuild("program.js", `${runtime}.js`);
      await check(...command, `${runtime}.js`);
    });
  }

  it("of esbuild that is minified runs functions in threads", { skip }, async () => {
    await esbuild("program.js", "minified.js", { minify: true });
    await check(...runtimes.node, "minified.js");
  });

  it(
    "of esbuild that is split runs functions in threads, which import only the module with the tasks",
    { skip },
    async () => {
      const outdir = join(app.target, "split");
      await bundleWith({ entryPoints: ["split.js", "tasks.js"], outdir, splitting: true });
      assertEquals(await app.run([...runtimes.node, "split/split.js"], app.target), "imported\nthread\n");
    },
  );

  it("of tsup runs functions in threads", { skip }, async () => {
    app.write(
      "tsup.config.js",
      'export default { entry: ["program.js"], format: ["esm"], target: "node20", noExternal: [/./], silent: true };',
    );
    await app.run([...packageProgram("tsup"), "--out-dir", join(app.target, "tsup")]);
    await check(...runtimes.node, "tsup/program.js");
  });

  it("of Rollup runs functions in threads", { skip }, async () => {
    app.write(
      "rollup.config.js",
      `import { nodeResolve } from "@rollup/plugin-node-resolve";
export default { input: "program.js", external: /^node:/, plugins: [nodeResolve({ exportConditions: ["node"] })] };`,
    );
    const output = ["--file", join(app.target, "rollup.js"), "--format", "es", "--silent"];
    await app.run([...packageProgram("rollup"), "--config", ...output]);
    await check(...runtimes.node, "rollup.js");
  });

  it("of Vite for a server runs functions in threads", { skip }, async () => {
    app.write("vite.config.js", "export default { ssr: { noExternal: true } };");
    const output = ["--outDir", join(app.target, "vite"), "--logLevel", "error"];
    await app.run([...packageProgram("vite"), "build", "--ssr", "program.js", ...output]);
    await check(...runtimes.node, "vite/program.js");
  });

  it("of Bun runs functions in threads", { skip }, async () => {
    await app.run([BUN, "build", "program.js", "--target=bun", "--outfile", join(app.target, "bun-build.js")]);
    await check(...runtimes.bun, "bun-build.js");
  });

  it("of Bun in an executable runs functions in threads", { skip }, async () => {
    const file = join(app.target, process.platform === "win32" ? "program.exe" : "program");
    await app.run([BUN, "build", "program.js", "--compile", "--outfile", file]);
    await check(file);
  });

  it("of Deno runs functions in threads", { skip: skip || findDenoObstacle() }, async () => {
    const bundle = ["--quiet", "--config", join(ROOT, "deno.json"), "--output", join(app.target, "deno-bundle.js")];
    await app.run([DENO, "bundle", ...bundle, join(FIXTURES, "program.js")]);
    await check(...runtimes.deno, "deno-bundle.js");
  });
});

/** `deno bundle` downloads esbuild from the npm registry when it is used first. Returns why that is not possible. */
function findDenoObstacle(): string | false {
  const folder = mkdtempSync(join(tmpdir(), "streaq-deno-"));
  try {
    writeFileSync(join(folder, "empty.js"), "");
    execFileSync(DENO, ["bundle", "--quiet", "empty.js", "--output", "bundle.js"], { cwd: folder, stdio: "pipe" });
    return false;
  } catch {
    return "deno bundle cannot download esbuild";
  } finally {
    rmSync(folder, { recursive: true });
  }
}
