/** Finds test files, and those that need a Redis server. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import ts from "typescript";

/** The module that starts servers. A test file that imports it, even indirectly, needs one. */
const SERVER = "tests/support/redis_server.ts";
/** A module that imports it, but tests in memory if there is no server. */
const BEHAVIOUR = "tests/queue/behaviour.ts";

/** How the name of a test file ends that takes too long to be run with every change. */
const LONG = ".long.test.ts";

/**
 * @param {readonly string[]} [filters] Parts of a path; a file matches if its path contains any of them. All files
 * unless given.
 * @param {{ long?: boolean }} [options] `long`: whether to find the long tests instead of all others.
 * @returns {string[]} Paths from the root folder, sorted.
 */
export function findTests(filters = [], { long = false } = {}) {
  const files = readdirSync("tests", { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts") && file.endsWith(LONG) === long)
    .map((file) => `tests/${file.replaceAll("\\", "/")}`)
    .sort();
  if (filters.length === 0) return files;
  return files.filter((file) => filters.some((filter) => file.includes(filter.replace(/^\.\//, ""))));
}

/**
 * @typedef {(file: string) => string | undefined} Read Returns the text of a file; `undefined` if it does not exist.
 */

/**
 * @param {readonly string[]} files Paths from the root folder.
 * @param {Read} [read]
 * @returns {string[]} The files that import the module that starts servers, even indirectly.
 * @throws If one of the two modules above was moved, as the result would be wrong.
 */
export function findRedisTests(files, read = readIfThere) {
  for (const path of [SERVER, BEHAVIOUR]) {
    if (read(path) === undefined) throw new Error(`Cannot find the tests that need Redis: ${path} does not exist`);
  }
  return files.filter((file) => leadsToServer(file, read));
}

/**
 * @param {string} start
 * @param {Read} read
 */
function leadsToServer(start, read) {
  const seen = new Set([BEHAVIOUR]);
  const open = [start];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (path === SERVER) return true;
    if (seen.has(path)) continue;
    seen.add(path);
    open.push(...findModules(path, read(path) ?? ""));
  }
  return false;
}

/**
 * Finds the test modules that a module loads: by an import or, to run them, with `new URL("./module.ts", ...)`.
 *
 * @param {string} path
 * @param {string} text
 * @returns {string[]}
 */
function findModules(path, text) {
  /** @type {string[]} */
  const found = [];
  /** @param {import("typescript").Node} node */
  const visit = (node) => {
    const specifier = findSpecifier(node);
    if (specifier && ts.isStringLiteral(specifier)) found.push(join(dirname(path), specifier.text));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest));
  return found.filter((target) => target.startsWith("tests/") && target.endsWith(".ts"));
}

/**
 * Returns the specifier of a module that a node loads. Type imports load none.
 *
 * @param {import("typescript").Node} node
 */
function findSpecifier(node) {
  if (ts.isImportDeclaration(node)) return node.importClause?.isTypeOnly ? undefined : node.moduleSpecifier;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly ? undefined : node.moduleSpecifier;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return node.arguments[0];
  const isUrl = ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === "URL";
  return isUrl ? node.arguments?.[0] : undefined;
}

/** @type {Read} */
function readIfThere(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined; // A specifier may be the name of a file that does not exist.
  }
}
