/** Gates that run another program. */
import { existsSync, readdirSync } from "node:fs";
import { DENO, packageProgram } from "../runtimes.mjs";
import { installPackages } from "../setup.mjs";
import { capture, type Gate } from "./gate.ts";
import { readExports } from "./manifests.ts";
import { SOURCES } from "./source.ts";

const TSC: readonly string[] = packageProgram("typescript", "tsc");

const format: Gate = {
  name: "format",
  run: () => void capture([DENO, "fmt", "--check"]),
};

const lint: Gate = {
  name: "lint",
  run: () => void capture([DENO, "lint"]),
};

/** Deno and tsc see different libraries, so both look. The examples in doc comments are code as well. */
const types: Gate = {
  name: "types",
  run({ denoConfig }) {
    // The benchmarks are code too, and name packages that nothing else needs.
    installPackages("benchmarks");
    capture([DENO, "check", "--quiet", "--doc", "--config", denoConfig, ...SOURCES]);
    capture([...TSC, "-p", "tsconfig.json"]);
  },
};

/** The public API has explicit types, so that JSR needs no inference. */
const declarations: Gate = {
  name: "declarations",
  run: () => void capture([...TSC, "-p", "tsconfig.src.json"]),
};

/** Everything public has a doc comment. */
const comments: Gate = {
  name: "doc comments",
  run: () => void capture([DENO, "doc", "--lint", "--quiet", ...Object.values(readExports())]),
};

/** The code in the Markdown files compiles. */
const documentation: Gate = {
  name: "documentation",
  run({ denoConfig }) {
    const docs = existsSync("docs") ? readdirSync("docs").map((file) => `docs/${file}`) : [];
    const files = ["README.md", ...docs].filter((file) => file.endsWith(".md") && existsSync(file));
    if (files.length > 0) capture([DENO, "check", "--quiet", "--doc-only", "--config", denoConfig, ...files]);
  },
};

/** The package as JSR would get it, without "slow types". */
const jsr: Gate = {
  name: "jsr",
  run: () => void capture([DENO, "publish", "--dry-run", "--allow-dirty"]),
};

export const commands: readonly Gate[] = [format, lint, types, declarations, comments, documentation, jsr];
