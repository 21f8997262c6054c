/**
 * Checks the direction of imports: between layers, `cli -> web -> queue -> broker -> redis -> resp -> base`, and
 * between the rooms (folders) of a layer. No files may import each other in a circle. Type imports count.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import type { Gate } from "./gate.ts";
import { findSources, parse, position, walk } from "./source.ts";

/** The layers. Each may import from itself and from the layers after it. */
const LAYERS: readonly string[] = ["cli", "web", "queue", "broker", "redis", "resp", "base"];

/**
 * The rooms of each layer that has rooms, and from which other rooms of the layer each may import. The files directly
 * in the folder of a layer are its room ".".
 */
const ROOMS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  queue: {
    ".": ["run", "threads", "enqueue", "failures", "inspect", "records", "options", "schedule", "tasks", "context"],
    run: ["threads", "records", "options", "schedule", "tasks", "context"],
    threads: ["records", "tasks", "context"],
    enqueue: ["failures", "inspect", "records", "schedule", "tasks", "context"],
    failures: ["records"],
    inspect: ["records", "tasks"],
    options: ["records", "schedule", "tasks", "context"],
    records: ["tasks"],
    schedule: [],
    tasks: [],
    context: [],
  },
  broker: {
    ".": ["redis", "memory", "contract"],
    redis: ["redis/scripts", "redis/scripts/lua", "contract"],
    "redis/scripts": ["redis", "redis/scripts/lua", "contract"],
    "redis/scripts/lua": ["redis", "contract"],
    memory: ["contract"],
    contract: [],
  },
};

/** Files of the room "redis" that its scripts may import: the names of keys, and the type of the client. */
const SCRIPT_NEEDS: readonly string[] = ["src/broker/redis/keys.ts", "src/broker/redis/command_sender.ts"];

/** Imports in the other direction that the public API requires. */
const EXCEPTIONS: readonly string[] = [
  // RegisteredTask.worker
  "src/queue/enqueue/registered_task.ts -> src/queue/worker.ts",
];

/** Layers that may use storage only through its contract and the function that opens a broker. */
const ABOVE_STORAGE: readonly string[] = ["queue", "web"];
const STORAGE_TYPES_ONLY: readonly string[] = ["redis", "resp"];

/** The entry point that requires optional peer dependencies, and the modules behind it that import them. */
const OPTIONAL: readonly string[] = ["src/queue/records/serializers.ts", "src/queue/records/rich_serializer.ts"];

interface Import {
  readonly node: ts.Node;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

export const imports: Gate = {
  name: "imports",
  run({ problem }) {
    const { dependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync("package.json", "utf8"));
    const files = findSources("src").map((path) => parse(path));
    for (const file of files) {
      const known = OPTIONAL.includes(file.fileName) ? { ...dependencies, ...peerDependencies } : dependencies;
      for (const fault of findWrongImports(file, Object.keys(known))) problem(fault);
    }
    for (const circle of findCircles(files)) problem(`These files import each other in a circle: ${circle.join(", ")}`);
  },
};

/** Finds forbidden imports, each with its position and the reason. */
export function* findWrongImports(file: ts.SourceFile, dependencies: readonly string[]): Generator<string> {
  for (const found of findImports(file)) {
    const reason = findFault(file.fileName, found, dependencies);
    if (reason) yield `${position(found.node)} imports ${found.specifier}: ${reason}`;
  }
}

/** Finds groups of files that import each other in a circle, with Tarjan's algorithm. The exceptions do not count. */
export function findCircles(files: readonly ts.SourceFile[]): string[][] {
  const targets = new Map(files.map((file) => [file.fileName, [...targetsOf(file)]]));
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const circles: string[][] = [];
  const visit = (path: string): void => {
    order.set(path, order.size);
    low.set(path, order.get(path)!);
    open.push(path);
    for (const target of targets.get(path) ?? []) {
      if (!order.has(target)) visit(target);
      if (open.includes(target)) low.set(path, Math.min(low.get(path)!, low.get(target)!));
    }
    if (low.get(path) !== order.get(path)) return;
    const circle = open.splice(open.indexOf(path));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const path of targets.keys()) if (!order.has(path)) visit(path);
  return circles;
}

function* targetsOf(file: ts.SourceFile): Generator<string> {
  for (const { specifier } of findImports(file)) {
    const target = targetOf(file.fileName, specifier);
    if (specifier.startsWith(".") && !EXCEPTIONS.includes(`${file.fileName} -> ${target}`)) yield target;
  }
}

function targetOf(path: string, specifier: string): string {
  return join(dirname(path), specifier).replaceAll("\\", "/");
}

function findFault(path: string, { specifier, typeOnly }: Import, dependencies: readonly string[]): string | undefined {
  if (!specifier.startsWith(".")) {
    const known = specifier.startsWith("node:") ||
      dependencies.some((name) => specifier === name || specifier.startsWith(`${name}/`));
    return known ? undefined : "it is not a dependency in package.json";
  }
  const target = targetOf(path, specifier);
  if (EXCEPTIONS.includes(`${path} -> ${target}`)) return typeOnly ? undefined : "only its type may be imported";
  if (OPTIONAL.includes(target) && !OPTIONAL.includes(path) && !typeOnly) {
    return "it requires an optional peer dependency";
  }
  const from = layerOf(path);
  const to = layerOf(target);
  if (!LAYERS.includes(from) || !LAYERS.includes(to)) return `both files must be in one of src/{${LAYERS}}`;
  if (LAYERS.indexOf(to) < LAYERS.indexOf(from)) return `${from} may not import from ${to}`;
  if (from === to) return findRoomFault(from, path, target);
  if (!ABOVE_STORAGE.includes(from)) return undefined;
  if (to === "broker" && !target.startsWith("src/broker/contract/") && target !== "src/broker/open.ts") {
    return `${from} may import only src/broker/contract/ and src/broker/open.ts of the broker`;
  }
  if (STORAGE_TYPES_ONLY.includes(to) && !typeOnly) return `${from} may import only types from ${to}`;
  return undefined;
}

function findRoomFault(layer: string, path: string, target: string): string | undefined {
  const rooms = ROOMS[layer];
  if (!rooms) return undefined;
  const [from, to] = [roomOf(layer, path), roomOf(layer, target)];
  const allowed = rooms[from];
  if (!allowed) return `src/${layer} has no room ${from}`;
  if (from === to) return undefined;
  if (from.startsWith("redis/scripts") && to === "redis" && !SCRIPT_NEEDS.includes(target)) {
    return `scripts may import only ${SCRIPT_NEEDS.join(" and ")} of it`;
  }
  return allowed.includes(to) ? undefined : `${layer}/${from} may not import from ${layer}/${to}`;
}

function layerOf(path: string): string {
  return path.split("/")[1] ?? "";
}

/**
 * Returns the room of a file. The scripts of all subjects are one room, and the Lua fragments that they include
 * another.
 */
function roomOf(layer: string, path: string): string {
  const folders = path.split("/").slice(2, -1);
  const room = folders.join("/");
  if (layer === "broker" && room.startsWith("redis/scripts/")) {
    return room === "redis/scripts/lua" ? room : "redis/scripts";
  }
  return folders[0] ?? ".";
}

/** Finds every import of a module: static, dynamic, type-only and re-exports. */
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
  if (!clause) return false; // import "./module.ts" runs the module
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
