import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { StreaqError } from "../../base/errors.ts";
import { type EncryptionKey, readKeys } from "./encryption_keys.ts";

const algorithm = "aes-256-gcm";
const idSize = 4;
const nonceSize = 12;
const tagSize = 16;
/** Length of what stands before and after the encrypted bytes. */
const frameSize = idSize + nonceSize + tagSize;
const tagOptions = { authTagLength: tagSize };

/** Bytes that were decrypted, with the place of their key in the list; or the reason why that is not possible. */
export type Decrypted = { readonly bytes: Uint8Array; readonly key: number } | { readonly fault: string };

/**
 * Encrypts and authenticates records with AES-256-GCM. An encrypted record is the id of the key, a random nonce, the
 * encrypted bytes, and the tag that authenticates them. The id is the first four bytes of the key's SHA-256.
 */
export class Cipher {
  readonly #keys: readonly Uint8Array[];
  readonly #ids: readonly Buffer[];

  /**
   * @param keys The first encrypts, all of them decrypt.
   * @throws {TypeError} When one is neither bytes nor text.
   * @throws {RangeError} When there is none, one has not 32 bytes, or two of them have the same id.
   */
  constructor(keys: EncryptionKey | readonly EncryptionKey[]) {
    this.#keys = readKeys(keys);
    this.#ids = this.#keys.map((key) => createHash("sha256").update(key).digest().subarray(0, idSize));
    for (const [i, id] of this.#ids.entries()) {
      const twin = this.#find(id);
      // One of 4 billion pairs of keys. Only one of the two could decrypt.
      if (twin < i) throw new RangeError(`Cannot encrypt with keys[${i}]: it has the same id as keys[${twin}]`);
    }
  }

  /** How much longer a record becomes when it is encrypted under a label, in bytes. */
  static overhead(label: string): number {
    return frameSize + prefixOf(label).length;
  }

  /**
   * Encrypts bytes with the first key.
   *
   * @param label What the bytes are, without a zero byte. It is encrypted with them, so that one kind of record never
   * passes for another.
   */
  seal(bytes: Uint8Array, label: string): Uint8Array {
    const prefix = prefixOf(label);
    const nonce = randomBytes(nonceSize);
    const cipher = createCipheriv(algorithm, this.#keys[0]!, nonce, tagOptions);
    const sealed = new Uint8Array(frameSize + prefix.length + bytes.length);
    const parts = [this.#ids[0]!, nonce, cipher.update(prefix), cipher.update(bytes), cipher.final()];
    let length = 0;
    for (const part of [...parts, cipher.getAuthTag()]) {
      sealed.set(part, length);
      length += part.length;
    }
    return sealed;
  }

  /**
   * Decrypts bytes. Those with an empty label, which the holder of a key has encrypted outside of a queue, are of every
   * kind.
   *
   * @param label What the bytes must be; anything, if it is not given.
   */
  open(sealed: Uint8Array, label?: string): Decrypted {
    if (sealed.length < frameSize) {
      return { fault: `it is not encrypted: expected at least ${frameSize} bytes, got ${sealed.length}` };
    }
    const id = Buffer.from(sealed.subarray(0, idSize));
    const key = this.#find(id);
    if (key < 0) return { fault: `it is not encrypted with one of the keys: none has the id ${id.toString("hex")}` };
    const opened = this.#decrypt(sealed, this.#keys[key]!);
    const end = opened ? opened.indexOf(0) : -1;
    if (!opened || end < 0) return { fault: "it was changed after it was encrypted, or truncated" };
    if (label !== undefined && end > 0 && !prefixOf(label).equals(opened.subarray(0, end + 1))) {
      return { fault: "it was encrypted as a record of another kind" };
    }
    return { bytes: opened.subarray(end + 1), key };
  }

  #find(id: Uint8Array): number {
    return this.#ids.findIndex((other) => other.equals(id));
  }

  /** Returns `null` when the tag is not that of the bytes. */
  #decrypt(sealed: Uint8Array, key: Uint8Array): Uint8Array | null {
    const nonce = sealed.subarray(idSize, idSize + nonceSize);
    const decipher = createDecipheriv(algorithm, key, nonce, tagOptions);
    decipher.setAuthTag(sealed.subarray(-tagSize));
    const bytes = decipher.update(sealed.subarray(idSize + nonceSize, -tagSize));
    try {
      decipher.final();
      return bytes;
    } catch {
      // The runtimes have different errors for this one reason.
      return null;
    }
  }
}

/** Creates the error for bytes that cannot be decrypted, outside of a queue. */
export function undecipherable(fault: string): StreaqError {
  return new StreaqError(`Cannot decrypt the record: ${fault}`);
}

function prefixOf(label: string): Buffer {
  return Buffer.from(`${label}\0`);
}
