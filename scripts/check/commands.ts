/** Checks that run another program. */
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

/** Deno and tsc use different type libraries, so both check. Examples in doc comments are checked too. */
const types: Gate = {
  name: "types",
  run({ denoConfig }) {
    // The benchmarks import packages of their own.
    installPackages("benchmarks");
    capture([DENO, "check", "--quiet", "--doc", "--config", denoConfig, ...SOURCES]);
    capture([...TSC, "-p", "tsconfig.json"]);
  },
};

/** The public API must have explicit types, so that JSR does not need type inference. */
const declarations: Gate = {
  name: "declarations",
  run: () => void capture([...TSC, "-p", "tsconfig.src.json"]),
};

/** Every public symbol must have a doc comment. */
const comments: Gate = {
  name: "doc comments",
  run: () => void capture([DENO, "doc", "--lint", "--quiet", ...Object.values(readExports())]),
};

/** The code in Markdown files must compile. */
const documentation: Gate = {
  name: "documentation",
  run({ denoConfig }) {
    const docs = existsSync("docs") ? readdirSync("docs").map((file) => `docs/${file}`) : [];
    const files = ["README.md", ...docs].filter((file) => file.endsWith(".md") && existsSync(file));
    if (files.length > 0) capture([DENO, "check", "--quiet", "--doc-only", "--config", denoConfig, ...files]);
  },
};

/** The package must be publishable on JSR, without "slow types". */
const jsr: Gate = {
  name: "jsr",
  run: () => void capture([DENO, "publish", "--dry-run", "--allow-dirty"]),
};

export const commands: readonly Gate[] = [format, lint, types, declarations, comments, documentation, jsr];
