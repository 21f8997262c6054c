import { Buffer } from "node:buffer";
import { ReplyError } from "../../src/resp/errors.ts";
import type { Reply } from "../../src/resp/reply.ts";

/** A value on the wire, with details that decoding drops, such as how a string was sent. */
export type Wire =
  | { readonly type: "simple" | "error"; readonly text: string }
  | { readonly type: "integer" | "big"; readonly value: bigint }
  | { readonly type: "bulk" | "verbatim"; readonly bytes: Uint8Array }
  | { readonly type: "bulkError"; readonly text: string }
  | { readonly type: "streamed"; readonly parts: readonly Uint8Array[] }
  | { readonly type: "null" | "nullBulk" | "nullArray" }
  | { readonly type: "boolean"; readonly value: boolean }
  | { readonly type: "double"; readonly value: number }
  | { readonly type: "array" | "set"; readonly items: readonly Wire[]; readonly streamed: boolean }
  | { readonly type: "map"; readonly pairs: readonly (readonly [Wire, Wire])[]; readonly streamed: boolean }
  | { readonly type: "attributed"; readonly attributes: readonly (readonly [Wire, Wire])[]; readonly value: Wire };

/** A value or a push: what a server may send at the top level. */
export type Message = Wire | { readonly type: "push"; readonly items: readonly Wire[] };

/** Encodes a message like a server. */
export function encodeReply(message: Message): Uint8Array {
  const pieces: Uint8Array[] = [];
  encode(message, (piece) => pieces.push(typeof piece === "string" ? Buffer.from(piece) : piece));
  return Buffer.concat(pieces);
}

function encode(wire: Message, write: (piece: string | Uint8Array) => void): void {
  switch (wire.type) {
    case "simple":
      return write(`+${wire.text}\r\n`);
    case "error":
      return write(`-${wire.text}\r\n`);
    case "integer":
      return write(`:${wire.value}\r\n`);
    case "big":
      return write(`(${wire.value}\r\n`);
    case "double":
      return write(`,${formatDouble(wire.value)}\r\n`);
    case "boolean":
      return write(wire.value ? "#t\r\n" : "#f\r\n");
    case "null":
      return write("_\r\n");
    case "nullBulk":
      return write("$-1\r\n");
    case "nullArray":
      return write("*-1\r\n");
    case "bulk":
      return writeBulk("$", wire.bytes, write);
    case "bulkError":
      return writeBulk("!", Buffer.from(wire.text), write);
    case "verbatim":
      return writeBulk("=", Buffer.concat([Buffer.from("txt:"), wire.bytes]), write);
    case "streamed":
      write("$?\r\n");
      for (const part of wire.parts) writeBulk(";", part, write);
      return write(";0\r\n");
    case "array":
      return writeItems("*", wire.items, wire.streamed, write);
    case "set":
      return writeItems("~", wire.items, wire.streamed, write);
    case "push":
      return writeItems(">", wire.items, false, write);
    case "map":
      return writePairs("%", wire.pairs, wire.streamed, write);
    case "attributed":
      writePairs("|", wire.attributes, false, write);
      return encode(wire.value, write);
  }
}

/** Returns the reply that a message must be decoded to. */
export function expectedReply(wire: Message, binary: boolean): Reply {
  const expect = (inner: Wire): Reply => expectedReply(inner, binary);
  switch (wire.type) {
    case "simple":
      return wire.text;
    case "error":
    case "bulkError":
      return new ReplyError(wire.text);
    case "integer":
      return Number.isSafeInteger(Number(wire.value)) ? Number(wire.value) : wire.value;
    case "big":
    case "double":
    case "boolean":
      return wire.value;
    case "null":
    case "nullBulk":
    case "nullArray":
      return null;
    case "bulk":
    case "verbatim":
      return expectedString(wire.bytes, binary);
    case "streamed":
      return expectedString(Buffer.concat(wire.parts), binary);
    case "array":
      return wire.items.map(expect);
    case "push":
      return wire.items.map((item) => expectedReply(item, false));
    case "set":
      return new Set(wire.items.map(expect));
    case "map":
      return new Map(wire.pairs.map(([key, value]) => [expect(key), expect(value)]));
    case "attributed":
      return expect(wire.value);
  }
}

function writeBulk(type: string, bytes: Uint8Array, write: (piece: string | Uint8Array) => void): void {
  write(`${type}${bytes.length}\r\n`);
  write(bytes);
  write("\r\n");
}

function writeItems(
  type: string,
  items: readonly Wire[],
  streamed: boolean,
  write: (piece: string | Uint8Array) => void,
): void {
  write(`${type}${streamed ? "?" : items.length}\r\n`);
  for (const item of items) encode(item, write);
  if (streamed) write(".\r\n");
}

function writePairs(
  type: string,
  pairs: readonly (readonly [Wire, Wire])[],
  streamed: boolean,
  write: (piece: string | Uint8Array) => void,
): void {
  write(`${type}${streamed ? "?" : pairs.length}\r\n`);
  for (const item of pairs.flat()) encode(item, write);
  if (streamed) write(".\r\n");
}

function formatDouble(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";
}

function expectedString(bytes: Uint8Array, binary: boolean): string | Uint8Array {
  return binary ? Uint8Array.from(bytes) : new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
