/** Finds and parses source files for the checks. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path/posix";
import ts from "typescript";

/** Files and folders with TypeScript. */
export const SOURCES: readonly string[] = [
  ...["mod.ts", "src", "tests", "examples", "benchmarks", "scripts", "tsup.config.ts"],
].filter((path) => existsSync(path));

/** Finds the TypeScript files in these files and folders, without those of packages, sorted. */
export function findSources(...paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (!existsSync(path)) return [];
    if (!statSync(path).isDirectory()) return [path];
    return readdirSync(path, { recursive: true, encoding: "utf8" })
      .map((file) => file.replaceAll("\\", "/"))
      .filter((file) => file.endsWith(".ts") && !file.includes("node_modules/"))
      .map((file) => join(path, file))
      .sort();
  });
}

/** Parses a source file. */
export function parse(path: string, text: string = readFileSync(path, "utf8")): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

/** Iterates over a node and all nodes below it, except comments. */
export function* walk(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => void children.push(child));
  for (const child of children) yield* walk(child);
}

/** Formats the position of a node so that editors can link to it: `src/base/clock.ts:12`. */
export function position(node: ts.Node): string {
  const file = node.getSourceFile();
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}
