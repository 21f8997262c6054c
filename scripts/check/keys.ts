/** The keys of a queue are written in one file, for TypeScript and for Lua. */
import ts from "typescript";
import type { Gate } from "./gate.ts";
import { findSources, parse, walk } from "./source.ts";

/** The only file that may contain keys. */
const KEYS = "src/broker/redis/keys.ts";

export const keys: Gate = {
  name: "keys",
  run({ problem }) {
    const families = readFamilies(parse(KEYS));
    for (const path of findSources("mod.ts", "src").filter((path) => path !== KEYS)) {
      for (const place of findKeys(parse(path), families)) problem(`${place}: take the key from ${KEYS} instead`);
    }
  },
};

/** Reads the first words of keys: `task` for `":task:data:"`. */
export function readFamilies(file: ts.SourceFile): readonly string[] {
  const families = new Set<string>();
  for (const node of walk(file)) {
    const [, family] = ts.isStringLiteral(node) ? /^:([a-z]+):/.exec(node.text) ?? [] : [];
    if (family) families.add(family);
  }
  if (families.size === 0) throw new Error(`Cannot find keys in ${file.fileName}`);
  return [...families];
}

/**
 * Finds literals that contain a key or the prefix of all keys, each with its position. Comments may name keys, also in
 * Lua.
 */
export function* findKeys(file: ts.SourceFile, families: readonly string[]): Generator<string> {
  const pattern = new RegExp(`:(?:${families.join("|")}):[\\w:]*|\\bstreaq:(?=["'\`]|\\$\\{)`, "g");
  for (const node of walk(file)) {
    if (!ts.isStringLiteralLike(node) && !ts.isTemplateHead(node) && !ts.isTemplateMiddleOrTemplateTail(node)) continue;
    const text = node.getText().replace(/--.*$/gm, (comment) => " ".repeat(comment.length));
    for (const { 0: key, index } of text.matchAll(pattern)) {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart() + index);
      yield `${file.fileName}:${line + 1} has ${key}`;
    }
  }
}
