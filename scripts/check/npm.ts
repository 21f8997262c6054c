/** Builds the npm package, checks it, and uses it from an empty folder on all three runtimes. */
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

/** The entry point that is a program. */
const CLI = "./cli";

/** Entry points that require an optional peer dependency. */
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

/** Builds and packs the package like `npm publish`. */
function pack(folder: string): string {
  capture([...NPM, "pack", "--pack-destination", folder]);
  const [tarball] = readdirSync(folder);
  if (!tarball) throw new Error(`Cannot find the tarball of npm pack in ${folder}`);
  return join(folder, tarball);
}

/** Installs the package in an empty folder and uses it like a new user. */
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
      throw new Error(`Cannot run ${command.join(" ")} --version: expected ${version}, got ${answer}`);
    }
  }
}

/** Checks that the package contains its documentation, and the modules with side effects. */
function findFiles(folder: string, { sideEffects }: Manifest): void {
  const pages = readdirSync("docs").map((file) => `docs/${file}`);
  const missing = ["README.md", "CHANGELOG.md", "LICENSE", ...pages, ...sideEffects]
    .filter((file) => !existsSync(join(folder, file)));
  if (missing.length > 0) throw new Error(`Cannot find in the package: ${missing.join(", ")}`);
}

/** Imports entry points on each runtime. */
function load(folder: string, name: string, entries: readonly string[]): void {
  const lines = entries.map((entry) => `await import(${JSON.stringify(`${name}${entry.slice(1)}`)});\n`);
  writeFileSync(join(folder, "use.mjs"), lines.join(""));
  for (const runtime of [["node"], [BUN], [DENO, "run", "-A"]]) capture([...runtime, "use.mjs"], { cwd: folder });
}
