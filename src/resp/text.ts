import type { Buffer } from "node:buffer";

/** The method behind `Buffer.toString()` on Node, Bun and Deno. The types do not declare it. */
interface Slicer {
  utf8Slice(start: number, end: number): string;
}

/** Up to this length, `String.fromCharCode()` is faster than a call into the runtime. */
const SHORT_TEXT = "Bun" in globalThis ? 8 : 16;

/** Beyond this length, `TextDecoder` is up to eight times as fast on Deno. */
const LONGEST_SLICE = "Deno" in globalThis ? 256 : Infinity;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes UTF-8, with U+FFFD for malformed bytes.
 *
 * @param start Index of the first byte.
 * @param end Index after the last byte.
 */
export function text(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length <= SHORT_TEXT) {
    const short = shortText(bytes, start, length);
    if (short !== undefined) return short;
  }
  if (length > LONGEST_SLICE) return decoder.decode(bytes.subarray(start, end));
  return (bytes as Buffer & Slicer).utf8Slice(start, end);
}

/**
 * Decodes up to 16 bytes of ASCII: `OK`, a counter, the name of a field, the id of an entry. A call into the runtime
 * would take up to three times as long. Returns `undefined` if a byte is not ASCII.
 */
function shortText(bytes: Buffer, start: number, length: number): string | undefined {
  if (length === 0) return "";
  const make = String.fromCharCode;
  let seen = 0; // bitwise or of all bytes
  const a = bytes[start]!;
  seen |= a;
  if (length === 1) return seen < 0x80 ? make(a) : undefined;
  const b = bytes[start + 1]!;
  seen |= b;
  if (length === 2) return seen < 0x80 ? make(a, b) : undefined;
  const c = bytes[start + 2]!;
  seen |= c;
  if (length === 3) return seen < 0x80 ? make(a, b, c) : undefined;
  const d = bytes[start + 3]!;
  seen |= d;
  if (length === 4) return seen < 0x80 ? make(a, b, c, d) : undefined;
  const e = bytes[start + 4]!;
  seen |= e;
  if (length === 5) return seen < 0x80 ? make(a, b, c, d, e) : undefined;
  const f = bytes[start + 5]!;
  seen |= f;
  if (length === 6) return seen < 0x80 ? make(a, b, c, d, e, f) : undefined;
  const g = bytes[start + 6]!;
  seen |= g;
  if (length === 7) return seen < 0x80 ? make(a, b, c, d, e, f, g) : undefined;
  const h = bytes[start + 7]!;
  seen |= h;
  if (length === 8) return seen < 0x80 ? make(a, b, c, d, e, f, g, h) : undefined;
  const i = bytes[start + 8]!;
  seen |= i;
  if (length === 9) return seen < 0x80 ? make(a, b, c, d, e, f, g, h, i) : undefined;
  const j = bytes[start + 9]!;
  seen |= j;
  if (length === 10) return seen < 0x80 ? make(a, b, c, d, e, f, g, h, i, j) : undefined;
  const k = bytes[start + 10]!;
  seen |= k;
  if (length === 11) return seen < 0x80 ? make(a, b, c, d, e, f, g, h, i, j, k) : undefined;
  const l = bytes[start + 11]!;
  seen |= l;
  if (length === 12) return seen < 0x80 ? make(a, b, c, d, e, f, g, h, i, j, k, l) : undefined;
  const m = bytes[start + 12]!;
  seen |= m;
  if (length === 13) return seen < 0x80 ? make(a, b, c, d, e, f, g, h, i, j, k, l, m) : undefined;
  const n = bytes[start + 13]!;
  seen |= n;
  if (length === 14) return seen < 0x80 ? make(a, b, c, d, e, f, g, h, i, j, k, l, m, n) : undefined;
  const o = bytes[start + 14]!;
  seen |= o;
  if (length === 15) return seen < 0x80 ? make(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o) : undefined;
  const p = bytes[start + 15]!;
  seen |= p;
  return seen < 0x80 ? make(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) : undefined;
}
