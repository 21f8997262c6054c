import { Buffer } from "node:buffer";
import type { Argument } from "./reply.ts";

/** Up to this length, a loop counts the bytes of a string faster than `Buffer.byteLength()`. */
const SHORT_TEXT = 48;

/**
 * Up to this length, bytes are copied into a buffer with the text around them, which costs less than one more write.
 */
const SHORT_BYTES = 1024;

const headers: string[] = [];

/**
 * Encodes commands for the wire. Text is collected in one string, which a socket writes fastest.
 *
 * @example
 * ```ts ignore
 * const encoder = new Encoder();
 * encoder.write(["SET", "key", 1]);
 * encoder.take(); // ["*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1\r\n1\r\n"]
 * ```
 */
export class Encoder {
  #pieces: (string | Uint8Array)[] = [];
  #text = "";
  #size = 0;

  /** Number of bytes that have not been taken yet. */
  get size(): number {
    return this.#size;
  }

  /**
   * Appends a command.
   *
   * @param args Name and arguments of the command. Bytes must not change until they are sent.
   * @throws {TypeError} If the command is empty or an argument has a wrong type. Nothing is appended then.
   */
  write(args: readonly Argument[]): void {
    if (args.length === 0) throw new TypeError("Cannot send a command: expected its name, got an empty array");
    const pieces: (string | Uint8Array)[] = [];
    let header = `*${args.length}\r\n`;
    let text = this.#text + header;
    let size = this.#size + header.length;
    for (let index = 0; index < args.length; index++) {
      const arg = args[index]!;
      if (arg instanceof Uint8Array) {
        header = bulkHeader(arg.byteLength);
        pieces.push(text + header, arg);
        text = "\r\n";
        size += header.length + arg.byteLength + 2;
      } else {
        const argument = typeof arg === "string" ? arg : formatNumber(arg, index);
        const length = byteLength(argument);
        header = bulkHeader(length);
        text += header + argument + "\r\n";
        size += header.length + length + 2;
      }
    }
    for (const piece of pieces) this.#pieces.push(piece);
    this.#text = text;
    this.#size = size;
  }

  /**
   * Takes the commands encoded so far.
   *
   * @returns Pieces to write in order: text, to be sent as UTF-8, and bytes. Long byte arguments are not copied.
   */
  take(): (string | Uint8Array)[] {
    const pieces = this.#pieces;
    if (this.#text !== "") pieces.push(this.#text);
    this.#pieces = [];
    this.#text = "";
    this.#size = 0;
    return pieces.length > 1 ? joinShort(pieces) : pieces;
  }
}

function bulkHeader(length: number): string {
  if (length >= 1024) return `$${length}\r\n`;
  return headers[length] ??= `$${length}\r\n`;
}

function formatNumber(value: unknown, index: number): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "number") {
    const expected = "expected a string, number, bigint or Uint8Array";
    throw new TypeError(`Cannot send argument ${index} of a command: ${expected}, got ${typeof value}`);
  }
  if (Number.isNaN(value)) {
    throw new TypeError(`Cannot send argument ${index} of a command: expected a number, got NaN`);
  }
  if (value === Infinity) return "inf";
  return value === -Infinity ? "-inf" : String(value);
}

/** Counts the bytes of a string in UTF-8, where a lone surrogate becomes the three bytes of U+FFFD. */
function byteLength(text: string): number {
  const { length } = text;
  if (length > SHORT_TEXT) return Buffer.byteLength(text);
  for (let at = 0; at < length; at++) {
    if (text.charCodeAt(at) > 0x7f) return Buffer.byteLength(text);
  }
  return length;
}

/** Joins the pieces between long byte arguments. Text and bytes alternate, with text at both ends. */
function joinShort(pieces: readonly (string | Uint8Array)[]): (string | Uint8Array)[] {
  const joined: (string | Uint8Array)[] = [];
  let start = 0;
  for (let at = 1; at < pieces.length; at += 2) {
    const argument = pieces[at] as Uint8Array;
    if (argument.byteLength <= SHORT_BYTES) continue;
    joined.push(concat(pieces, start, at), argument);
    start = at + 1;
  }
  joined.push(concat(pieces, start, pieces.length));
  return joined;
}

function concat(pieces: readonly (string | Uint8Array)[], start: number, end: number): string | Uint8Array {
  if (end === start + 1) return pieces[start]!;
  let size = 0;
  for (let at = start; at < end; at++) size += Buffer.byteLength(pieces[at]!);
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  for (let at = start; at < end; at++) {
    const piece = pieces[at]!;
    if (typeof piece === "string") {
      length += bytes.write(piece, length);
    } else {
      bytes.set(piece, length);
      length += piece.byteLength;
    }
  }
  return bytes;
}
