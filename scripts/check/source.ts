/** Reading the sources, for the gates that look into them. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path/posix";
import ts from "typescript";

/** Where TypeScript of ours may be. */
export const SOURCES: readonly string[] = [
  ...["mod.ts", "src", "tests", "examples", "benchmarks", "scripts", "tsup.config.ts"],
].filter((path) => existsSync(path));

/** The TypeScript files of ours in these files and folders, sorted. */
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

export function parse(path: string, text: string = readFileSync(path, "utf8")): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

/** A node and all nodes below it, comments aside. */
export function* walk(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => void children.push(child));
  for (const child of children) yield* walk(child);
}

/** Where a node is, to click on: `src/base/clock.ts:12`. */
export function position(node: ts.Node): string {
  const file = node.getSourceFile();
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}
