/** Checks that deno.json (JSR) and package.json (npm) agree. */
import { existsSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import ts from "typescript";
import type { Gate } from "./gate.ts";

const VERSION_FILE = "src/base/version.ts";

/** Built modules with side effects: the command-line program, and the program of a thread. */
const PROGRAMS: readonly string[] = ["./dist/cli.js", "./dist/thread.js"];

interface Facts {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

interface JsrManifest extends Facts {
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
}

interface NpmManifest extends Facts {
  readonly exports: unknown;
  readonly sideEffects: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

interface NpmLock {
  readonly packages: { readonly "": Facts };
}

interface TsConfig {
  readonly compilerOptions: { readonly paths: Readonly<Record<string, readonly string[]>> };
}

export const manifests: Gate = {
  name: "manifests",
  run({ problem }) {
    const jsr = readJson<JsrManifest>("deno.json");
    const npm = readJson<NpmManifest>("package.json");
    const lock = readJson<NpmLock>("package-lock.json").packages[""];
    const { paths } = readJson<TsConfig>("tsconfig.json").compilerOptions;

    const agree = (what: string, actual: unknown, expected: unknown): void => {
      if (isDeepStrictEqual(actual, expected)) return;
      problem(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
    };
    for (const field of ["name", "version", "license"] as const) {
      agree(`package.json "${field}"`, npm[field], jsr[field]);
      agree(`package-lock.json "${field}"`, lock[field], jsr[field]);
    }
    agree(`${VERSION_FILE} VERSION`, readVersion(), jsr.version);
    const built = Object.fromEntries(Object.keys(jsr.exports).map((name) => [name, builtFiles(name)]));
    agree('package.json "exports"', npm.exports, built);
    agree('package.json "sideEffects"', npm.sideEffects, PROGRAMS);
    for (const [name, file] of Object.entries(jsr.exports)) {
      if (!existsSync(file)) problem(`deno.json "exports" ${name}: ${file} does not exist`);
      agree(`tsconfig.json "paths" ${name}`, paths[`${jsr.name}${name.slice(1)}`], [file]);
    }
    for (const [name, range] of Object.entries({ ...npm.dependencies, ...npm.peerDependencies })) {
      agree(`deno.json "imports" ${name}`, jsr.imports[name], `npm:${name}@${range}`);
    }
  },
};

/**
 * Returns the built files of an entry point: `dist/redis.js` for `./redis`, `dist/index.js` for `.`; see
 * tsup.config.ts.
 */
function builtFiles(name: string): unknown {
  const base = `./dist/${name === "." ? "index" : name.slice(2)}`;
  return { types: `${base}.d.ts`, default: `${base}.js` };
}

/** Returns the entry points in deno.json, from name to file. */
export function readExports(): Readonly<Record<string, string>> {
  return readJson<JsrManifest>("deno.json").exports;
}

/** Reads JSON that may contain comments, such as tsconfig.json. */
function readJson<T>(path: string): T {
  return ts.parseConfigFileTextToJson(path, readFileSync(path, "utf8")).config;
}

function readVersion(): string | undefined {
  if (!existsSync(VERSION_FILE)) return undefined;
  return /VERSION(?:: string)? = "([^"]+)"/.exec(readFileSync(VERSION_FILE, "utf8"))?.[1];
}
