import { Cipher, undecipherable } from "./cipher.ts";
import type { EncryptionKey } from "./encryption_keys.ts";
import type { Serializer } from "./serializer.ts";

const encoder = new TextEncoder();

/**
 * A serializer whose records are encrypted. A `SealedCodec` takes the two parts apart: it can then write JSON faster,
 * count `maxPayload` before the encryption, and encrypt what a record is together with it.
 */
export class EncryptedSerializer implements Serializer {
  readonly inner: Serializer;
  readonly cipher: Cipher;

  constructor(inner: Serializer, cipher: Cipher) {
    this.inner = inner;
    this.cipher = cipher;
  }

  // Properties, so that the functions work by themselves, like those of the other serializers.
  readonly serialize: Serializer["serialize"] = (value) => {
    const data = this.inner.serialize(value);
    return this.cipher.seal(typeof data === "string" ? encoder.encode(data) : data, "");
  };

  readonly deserialize: Serializer["deserialize"] = (data) => {
    const opened = this.cipher.open(data);
    if ("fault" in opened) throw undecipherable(opened.fault);
    return this.inner.deserialize(opened.bytes);
  };
}

/**
 * Encrypts what a serializer produces: arguments, results, errors and piped inputs, with AES-256-GCM. A record that was
 * changed, truncated, encrypted with another key, or stored under another id is refused: that task fails.
 *
 * Ids, times, priorities, sizes and some names of tasks are not hidden; the page about serialisation lists them.
 *
 * @param serializer What turns values into bytes and back, such as `jsonSerializer`.
 * @param keys Keys of 32 bytes each, or their text in base64 or base64url. The first one encrypts, all of them decrypt.
 * @throws {TypeError} If `serializer` is none, or a key is neither bytes nor text.
 * @throws {RangeError} If there is no key, a key has not 32 bytes, or a key is there twice. No message shows a key.
 *
 * @example
 * ```ts
 * import process from "node:process";
 * import { jsonSerializer, Worker } from "@q/streaq";
 * import { encrypted } from "@q/streaq/serializer";
 *
 * const keys = (process.env.STREAQ_KEYS ?? "").split(","); // Each from: openssl rand -base64 32
 * const worker = new Worker({ serializer: encrypted(jsonSerializer, keys) });
 * ```
 */
export function encrypted(serializer: Serializer, keys: EncryptionKey | readonly EncryptionKey[]): Serializer {
  const { serialize, deserialize } = Object(serializer) as Partial<Serializer>;
  if (typeof serialize !== "function" || typeof deserialize !== "function") {
    const shown = serializer === null ? "null" : typeof serializer;
    throw new TypeError(`Cannot encrypt: expected a serializer with serialize() and deserialize(), got ${shown}`);
  }
  return new EncryptedSerializer(serializer, new Cipher(keys));
}
