/** Imports go one way: `cli -> web -> queue -> broker -> redis -> resp -> base`. */
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path/posix";
import ts from "typescript";
import type { Gate } from "./gate.ts";
import { findSources, parse, position, walk } from "./source.ts";

/** A folder of `src` may import from itself and from those after it. */
const LAYERS: readonly string[] = ["cli", "web", "queue", "broker", "redis", "resp", "base"];

/** These layers know storage only as the `Broker` interface and the function that opens one. */
const ABOVE_STORAGE: readonly string[] = ["queue", "web"];
const STORAGE_ENTRANCES: readonly string[] = ["broker", "consumer", "repetition", "open"].map((name) =>
  `src/broker/${name}.ts`
);
const STORAGE_TYPES_ONLY: readonly string[] = ["redis", "resp"];

/** Entry points of their own, which alone may need what not everybody installs: the optional peers in package.json. */
const OPTIONAL: readonly string[] = ["src/queue/records/rich_serializer.ts"];

interface Import {
  readonly node: ts.Node;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

export const imports: Gate = {
  name: "imports",
  run({ problem }) {
    const { dependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync("package.json", "utf8"));
    for (const path of findSources("src")) {
      const known = OPTIONAL.includes(path) ? { ...dependencies, ...peerDependencies } : dependencies;
      for (const fault of findWrongImports(parse(path), Object.keys(known))) problem(fault);
    }
  },
};

/** Each with its position. */
export function* findWrongImports(file: ts.SourceFile, dependencies: readonly string[]): Generator<string> {
  for (const found of findImports(file)) {
    const reason = findFault(file.fileName, found, dependencies);
    if (reason) yield `${position(found.node)} imports ${found.specifier}: ${reason}`;
  }
}

function findFault(path: string, { specifier, typeOnly }: Import, dependencies: readonly string[]): string | undefined {
  if (!specifier.startsWith(".")) {
    const known = specifier.startsWith("node:") ||
      dependencies.some((name) => specifier === name || specifier.startsWith(`${name}/`));
    return known ? undefined : "it is no dependency in package.json";
  }
  const target = join(dirname(path), specifier);
  if (OPTIONAL.includes(target) && !typeOnly) return "it needs what not everybody installs";
  const from = layerOf(path);
  const to = layerOf(target);
  if (!LAYERS.includes(from) || !LAYERS.includes(to)) return `expected one of src/{${LAYERS}} on both sides`;
  if (LAYERS.indexOf(to) < LAYERS.indexOf(from)) return `${from} may not import from ${to}`;
  if (!ABOVE_STORAGE.includes(from)) return undefined;
  if (to === "broker" && !STORAGE_ENTRANCES.includes(target)) {
    return `${from} may import only ${STORAGE_ENTRANCES.join(" and ")} from there`;
  }
  if (STORAGE_TYPES_ONLY.includes(to) && !typeOnly) return `${from} may import only types from ${to}`;
  return undefined;
}

function layerOf(path: string): string {
  return relative("src", path).split("/")[0] ?? "";
}

/** Every way that a module can name another one. */
function* findImports(file: ts.SourceFile): Generator<Import> {
  for (const node of walk(file)) {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      yield { node, specifier: node.moduleSpecifier.text, typeOnly: importsTypesOnly(node.importClause) };
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      yield { node, specifier: node.moduleSpecifier.text, typeOnly: exportsTypesOnly(node) };
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      if (ts.isStringLiteral(node.argument.literal)) {
        yield { node, specifier: node.argument.literal.text, typeOnly: true };
      }
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteralLike(argument)) yield { node, specifier: argument.text, typeOnly: false };
    }
  }
}

function importsTypesOnly(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false; // import "./module.ts" runs it.
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { name, namedBindings } = clause;
  return !name && namedBindings !== undefined && ts.isNamedImports(namedBindings) &&
    namedBindings.elements.length > 0 && namedBindings.elements.every((element) => element.isTypeOnly);
}

function exportsTypesOnly({ isTypeOnly, exportClause }: ts.ExportDeclaration): boolean {
  if (isTypeOnly) return true;
  return exportClause !== undefined && ts.isNamedExports(exportClause) &&
    exportClause.elements.length > 0 && exportClause.elements.every((element) => element.isTypeOnly);
}
