/** The npm package: built, judged, and used from an empty folder on all three runtimes. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUN, DENO, NPM, packageProgram } from "../runtimes.mjs";
import { capture, type Gate } from "./gate.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly sideEffects: readonly string[];
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** The entry point that is run, not imported. */
const CLI = "./cli";

/** Entry points that need an optional peer. */
const OPTIONAL: readonly string[] = ["./serializer"];

export const npm: Gate = {
  name: "npm",
  run() {
    const folder = mkdtempSync(join(tmpdir(), "streaq-package-"));
    try {
      const tarball = pack(folder);
      capture([...packageProgram("publint"), "run", tarball, "--strict"]);
      capture([...packageProgram("@arethetypeswrong/cli", "attw"), tarball, "--profile", "esm-only"]);
      use(folder, tarball, JSON.parse(readFileSync("package.json", "utf8")));
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

/** Builds and packs, as `npm publish` does. */
function pack(folder: string): string {
  capture([...NPM, "pack", "--pack-destination", folder]);
  const [tarball] = readdirSync(folder);
  if (!tarball) throw new Error(`npm pack left no tarball in ${folder}`);
  return join(folder, tarball);
}

/** Does in an empty folder what a user does first. */
function use(folder: string, tarball: string, manifest: Manifest): void {
  const { name, version, exports, peerDependencies = {} } = manifest;
  const cwd = folder;
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "private": true }');
  capture([...NPM, "install", tarball], { cwd });
  findFiles(join(folder, "node_modules", name), manifest);

  const entries = Object.keys(exports).filter((entry) => entry !== CLI);
  load(folder, name, entries.filter((entry) => !OPTIONAL.includes(entry)));
  capture([...NPM, "install", ...Object.entries(peerDependencies).map(([peer, range]) => `${peer}@${range}`)], { cwd });
  load(folder, name, entries);

  if (!(CLI in exports)) return;
  const npx = [...NPM, "exec", "--"];
  for (const command of [[...npx, "streaq"], [BUN, "x", "--bun", "streaq"], [DENO, "run", "-A", `npm:${name}/cli`]]) {
    const answer = capture([...command, "--version"], { cwd });
    if (!answer.includes(version)) {
      throw new Error(`${command.join(" ")} --version: expected ${version}, got ${answer}`);
    }
  }
}

/** The package ships its documentation, and the modules that bundlers are asked to keep. */
function findFiles(folder: string, { sideEffects }: Manifest): void {
  const pages = readdirSync("docs").map((file) => `docs/${file}`);
  const missing = ["README.md", "CHANGELOG.md", "LICENSE", ...pages, ...sideEffects]
    .filter((file) => !existsSync(join(folder, file)));
  if (missing.length > 0) throw new Error(`Missing in the package: ${missing.join(", ")}`);
}

/** Imports entry points on each runtime. */
function load(folder: string, name: string, entries: readonly string[]): void {
  const lines = entries.map((entry) => `await import(${JSON.stringify(`${name}${entry.slice(1)}`)});\n`);
  writeFileSync(join(folder, "use.mjs"), lines.join(""));
  for (const runtime of [["node"], [BUN], [DENO, "run", "-A"]]) capture([...runtime, "use.mjs"], { cwd: folder });
}
