import { describe, it } from "node:test";
import { readFileSync } from "node:fs";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Keys, KeyTable, lua } from "../../../src/broker/redis/keys.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();

/** Every member of the table: a key, or a function that returns the key of a family with this end. */
function membersOf(table: KeyTable): [name: string, member: string | ((end: string) => string)][] {
  const names = Object.getOwnPropertyNames(KeyTable.prototype).filter((name) => name !== "constructor");
  return names.map((name) => {
    const member = table[name as keyof KeyTable] as string | ((end: string) => string);
    return [name, typeof member === "string" ? member : member.bind(table)];
  });
}

/** The keys of a table; keys of families have this end. */
function namesIn(table: KeyTable, end: string): string[] {
  return membersOf(table).map(([, member]) => typeof member === "string" ? member : member(end));
}

describe("KeyTable", () => {
  it("names the same keys in TypeScript and in Lua", async () => {
    const keys = new Keys("queue");
    for (const [end, expression] of [["17", "'17'"], ["a:b", "ARGV[1] .. ':b'"], ["", ""]] as const) {
      const script = `local prefix = KEYS[1] return { ${namesIn(lua, expression).join(", ")} }`;
      assertEquals(await scene.redis.command(["EVAL", script, 1, keys.prefix, "a"]), namesIn(keys, end));
    }
  });

  it("gives no two members the same key", () => {
    const names = namesIn(new Keys("queue"), "17");
    assertEquals(new Set(names).size, names.length);
  });

  it("has the keys that docs/wire-format.md describes", () => {
    const keys = new Keys("queue");
    const documented = readFileSync("docs/wire-format.md", "utf8");
    for (const name of namesIn(keys, "<")) assertStringIncludes(documented, `\`${name.slice(keys.prefix.length)}`);
  });
});
