import { Buffer } from "node:buffer";

/** A key of AES-256: 32 bytes, or their text in base64 or base64url, as `openssl rand -base64 32` prints it. */
export type EncryptionKey = Uint8Array | string;

/** Length of a key, in bytes. */
const keySize = 32;

/**
 * Reads keys; the bytes that it returns are copies. The message of an error never shows a key.
 *
 * @throws {TypeError} When one is neither bytes nor text.
 * @throws {RangeError} When there is none, one has not 32 bytes, or one is there twice.
 */
export function readKeys(keys: EncryptionKey | readonly EncryptionKey[]): readonly Uint8Array[] {
  const list: readonly unknown[] = Array.isArray(keys) ? keys : [keys];
  if (list.length === 0) throw new RangeError("Cannot encrypt: expected at least one key, got an empty list");
  const read: Uint8Array[] = [];
  for (const [i, key] of list.entries()) {
    const bytes = readKey(key, `keys[${i}]`);
    const twin = read.findIndex((other) => Buffer.compare(other, bytes) === 0);
    if (twin >= 0) throw new RangeError(`Cannot encrypt with keys[${i}]: it is the same key as keys[${twin}]`);
    read.push(bytes);
  }
  return read;
}

function readKey(key: unknown, name: string): Uint8Array {
  const bytes = typeof key === "string" ? decode(key.trim(), name) : key;
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`Cannot encrypt with ${name}: expected a Uint8Array or text in base64, got ${show(key)}`);
  }
  if (bytes.length === keySize) return Uint8Array.from(bytes);
  throw new RangeError(`Cannot encrypt with ${name}: expected ${keySize} bytes, got ${bytes.length}`);
}

/** `Buffer` skips what is not base64, so a mistyped key would silently become another one. */
function decode(text: string, name: string): Uint8Array {
  if (/^(?:[\w-]*|[A-Za-z\d+/]*)={0,2}$/.test(text)) return Buffer.from(text, "base64");
  throw new RangeError(
    `Cannot encrypt with ${name}: expected ${keySize} bytes in base64, got ${text.length} characters that are not base64`,
  );
}

function show(value: unknown): string {
  return value === null || value === undefined ? String(value) : `a value of type ${typeof value}`;
}
