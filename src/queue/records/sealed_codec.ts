import { StreaqError } from "../../base/errors.ts";
import { isInstance } from "../../base/is_instance.ts";
import type { Payload } from "../../broker/contract/payload.ts";
import { Cipher } from "./cipher.ts";
import { EncryptedSerializer } from "./encrypted.ts";
import { jsonSerializer } from "./json_serializer.ts";
import type { Serializer } from "./serializer.ts";
import { Signature, signatureSize, type Signer } from "./signature.ts";
import { type RecordKind, unreadable } from "./unreadable.ts";
import { UnserialisableError } from "./unserialisable_error.ts";

/** Options of a {@linkcode SealedCodec}. */
export interface SealedCodecOptions {
  readonly serializer: Serializer;
  /** The largest record, in bytes, before it is encrypted and signed. */
  readonly maxPayload: number;
  /** Secrets that sign and verify records; the first of several signs. Without one, records are not signed. */
  readonly signingSecret?: string | readonly string[] | undefined;
}

/** A record without signature and encryption, and the place of its key in the list; or the reason why it is refused. */
type Opened = { readonly bytes: Payload; readonly key: number } | { readonly fault: string };

const encoder = new TextEncoder();

/**
 * Serialises values, limits their size, encrypts and signs them; verifies the signature before it decrypts and
 * deserialises them.
 */
export class SealedCodec {
  readonly #serializer: Serializer;
  readonly #maxPayload: number;
  readonly #cipher: Cipher | null;
  readonly #signature: Signature | null;
  /** Whether the serializer is the default one, perhaps with encryption. */
  readonly isJson: boolean;
  /** Whether records are bytes. JSON that is neither encrypted nor signed stays text, which saves a conversion. */
  readonly binary: boolean;

  /** @throws {TypeError} When `signingSecret` is not one. */
  constructor({ serializer, maxPayload, signingSecret }: SealedCodecOptions) {
    const layers = isInstance(serializer, EncryptedSerializer) ? serializer : null;
    this.#serializer = layers?.inner ?? serializer;
    this.#cipher = layers?.cipher ?? null;
    this.#maxPayload = maxPayload;
    this.#signature = signingSecret === undefined ? null : new Signature(signingSecret);
    this.isJson = this.#serializer === jsonSerializer;
    this.binary = !this.isJson || this.#cipher !== null || this.#signature !== null;
  }

  /** How much longer a record becomes when it is encrypted and signed under a label, in bytes. */
  overhead(label: string): number {
    return (this.#cipher ? Cipher.overhead(label) : 0) + (this.#signature ? signatureSize : 0);
  }

  /**
   * Encodes a value.
   *
   * @param subject Names the value in an error.
   * @param label What the value is. It is encrypted and signed with the value, and required again to decode it.
   * @throws {StreaqError} When the value cannot be serialised, or is too large.
   */
  encode(value: unknown, subject: string, label: string): Payload {
    return this.seal(this.serialize(value, subject), subject, label);
  }

  /**
   * Serialises a value.
   *
   * @param subject Names the value in an error.
   * @throws {StreaqError} When that is not possible.
   */
  serialize(value: unknown, subject: string): string | Uint8Array {
    try {
      return this.#check(this.#serializer.serialize(value));
    } catch (cause) {
      throw new StreaqError(`Cannot serialise ${subject}: ${explain(cause)}`, { cause });
    }
  }

  /** The text of a value in JSON; `undefined` if it has none, which {@linkcode serialize} explains. */
  jsonOf(value: unknown): string | undefined {
    try {
      return jsonSerializer.serialize(value) as string;
    } catch {
      return undefined;
    }
  }

  /**
   * Restores a copy of a value that {@linkcode serialize} serialised.
   *
   * @throws {StreaqError} When that is not possible.
   */
  copy(data: string | Uint8Array, subject: string): unknown {
    try {
      return this.#serializer.deserialize(typeof data === "string" ? encoder.encode(data) : data);
    } catch {
      // The parser's own message may quote the payload.
      throw new StreaqError(`Cannot serialise ${subject}: the serializer cannot deserialise them again`);
    }
  }

  /**
   * Makes a record of serialised data.
   *
   * @throws {StreaqError} When it is too large.
   */
  seal(serialised: string | Uint8Array, subject: string, label: string): Payload {
    const data = this.#toPayload(serialised);
    if (!exceeds(data, this.#maxPayload)) return this.#seal(data, label);
    throw new StreaqError(
      `Cannot store ${subject}: expected at most ${this.#maxPayload} bytes (maxPayload), got ${byteLength(data)}`,
    );
  }

  /** Whether a text of this length, in UTF-16 code units, is never too large. */
  surelyFits(length: number): boolean {
    return length * bytesPerUnit <= this.#maxPayload;
  }

  /**
   * Encodes the record of a failure. It has no size limit: its fields are bounded, and nothing could be stored instead.
   */
  encodeFailure(record: unknown, label: string): Payload {
    try {
      return this.#seal(this.#toPayload(this.#check(this.#serializer.serialize(record))), label);
    } catch {
      // The task must complete, even if its serializer cannot read the failure.
      return this.#seal(this.#toPayload(JSON.stringify(record)), label);
    }
  }

  /**
   * Decodes a value.
   *
   * @throws {StreaqError} When the signature is wrong, or the data cannot be decrypted or deserialised.
   */
  decode(sealed: Payload, kind: RecordKind, taskId: string, label: string): unknown {
    const opened = this.#open(sealed, label);
    if ("fault" in opened) throw unreadable(kind, taskId, opened.fault);
    const { bytes } = opened;
    try {
      return typeof bytes === "string" ? JSON.parse(bytes) : this.#serializer.deserialize(bytes);
    } catch {
      // The parser's own message may quote the payload.
      throw unreadable(kind, taskId, "the serializer cannot deserialise it");
    }
  }

  /** The serialised value of a record, without a look at its signature; the record itself if it cannot be decrypted. */
  peek(sealed: Payload, label: string): Payload {
    if (!this.#cipher || typeof sealed === "string") return sealed;
    const opened = this.#cipher.open(this.#signature ? sealed.subarray(0, -signatureSize) : sealed, label);
    return "fault" in opened ? sealed : opened.bytes;
  }

  /** Which secret and which key a record was signed and encrypted with; the first, if records are neither. */
  signer(sealed: Payload, label: string): Signer {
    const opened = this.#open(sealed, label);
    if ("fault" in opened) return "none";
    if (opened.key > 0) return "other";
    return this.#signature?.signer(sealed as Uint8Array, label) ?? "first";
  }

  /** @throws {TypeError} When the serializer returned something else than it should. */
  #check(data: string | Uint8Array): string | Uint8Array {
    if (typeof data === "string" || data instanceof Uint8Array) return data;
    throw new TypeError(`Expected a string or a Uint8Array from the serializer, got ${typeof data}`);
  }

  #toPayload(data: string | Uint8Array): Payload {
    return typeof data === "string" && this.binary ? encoder.encode(data) : data;
  }

  #seal(data: Payload, label: string): Payload {
    if (typeof data === "string") return data;
    const encrypted = this.#cipher?.seal(data, label) ?? data;
    return this.#signature?.seal(encrypted, label) ?? encrypted;
  }

  /** Verifies the signature, then decrypts. */
  #open(sealed: Payload, label: string): Opened {
    const [signature, cipher] = [this.#signature, this.#cipher];
    if (!signature && !cipher) return { bytes: sealed, key: 0 };
    const bytes = typeof sealed === "string" ? null : signature ? signature.open(sealed, label) : sealed;
    if (bytes === null) return { fault: signature ? "its signature is missing or wrong" : "it is not encrypted" };
    return cipher ? cipher.open(bytes, label) : { bytes, key: 0 };
  }
}

/** How many bytes UTF-8 takes at most for a UTF-16 code unit. */
const bytesPerUnit = 3;

/** Whether data is larger than a limit in bytes. Most texts are so short that they are not measured. */
function exceeds(data: Payload, limit: number): boolean {
  return data.length * (typeof data === "string" ? bytesPerUnit : 1) > limit && byteLength(data) > limit;
}

function byteLength(data: Payload): number {
  return typeof data === "string" ? encoder.encode(data).length : data.length;
}

/** The public names of the fields of a record. */
const fieldNames: Readonly<Record<string, string>> = { ".a": "args", ".k": "kwargs", ".r": "result" };

function explain(thrown: unknown): string {
  if (isInstance(thrown, UnserialisableError)) {
    const [field = "", ...path] = thrown.path;
    return `${thrown.format} cannot hold ${thrown.what} at ${fieldNames[field] ?? field}${path.join("")}`;
  }
  return isInstance(thrown, Error) ? thrown.message : "the serializer threw a value that is not an Error";
}
