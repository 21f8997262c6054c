import { StreaqError } from "../../base/errors.ts";
import { isInstance } from "../../base/is_instance.ts";
import type { Payload } from "../../broker/contract/payload.ts";
import { jsonSerializer } from "./json_serializer.ts";
import type { Serializer } from "./serializer.ts";
import { Signature, type Signer } from "./signature.ts";
import { type RecordKind, unreadable } from "./unreadable.ts";
import { UnserialisableError } from "./unserialisable_error.ts";

/** Options of a {@linkcode SealedCodec}. */
export interface SealedCodecOptions {
  readonly serializer: Serializer;
  /** The largest record, in bytes, without its signature. */
  readonly maxPayload: number;
  /** Secrets that sign and verify records; the first of several signs. Without one, records are not signed. */
  readonly signingSecret?: string | readonly string[] | undefined;
}

const encoder = new TextEncoder();

/** Serialises values, limits their size and signs them; verifies the signature before it deserialises them. */
export class SealedCodec {
  readonly #serializer: Serializer;
  readonly #maxPayload: number;
  readonly #signature: Signature | null;
  /** Whether the serializer is the default one. */
  readonly isJson: boolean;
  /** Whether records are bytes. JSON without a signature stays text, which saves a conversion. */
  readonly binary: boolean;

  /** @throws {TypeError} When `signingSecret` is not one. */
  constructor({ serializer, maxPayload, signingSecret }: SealedCodecOptions) {
    this.#serializer = serializer;
    this.#maxPayload = maxPayload;
    this.#signature = signingSecret === undefined ? null : new Signature(signingSecret);
    this.isJson = serializer === jsonSerializer;
    this.binary = !this.isJson || this.#signature !== null;
  }

  /**
   * Encodes a value.
   *
   * @param subject Names the value in an error.
   * @param label What the value is. It is signed together with the value, and required again to decode it.
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
   * @throws {StreaqError} When the signature is wrong, or the data cannot be deserialised.
   */
  decode(sealed: Payload, kind: RecordKind, taskId: string, label: string): unknown {
    const data = this.#open(sealed, label);
    if (data === null) throw unreadable(kind, taskId, "its signature is missing or wrong");
    try {
      return typeof data === "string" ? JSON.parse(data) : this.#serializer.deserialize(data);
    } catch {
      // The parser's own message may quote the payload.
      throw unreadable(kind, taskId, "the serializer cannot deserialise it");
    }
  }

  /** Which secret has signed a record; the first, if records are not signed. */
  signer(sealed: Payload, label: string): Signer {
    if (!this.#signature) return "first";
    return typeof sealed === "string" ? "none" : this.#signature.signer(sealed, label);
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
    return this.#signature && typeof data !== "string" ? this.#signature.seal(data, label) : data;
  }

  /** Returns the data without its signature; `null` when that is missing or wrong. */
  #open(data: Payload, label: string): Payload | null {
    if (!this.#signature) return data;
    return typeof data === "string" ? null : this.#signature.open(data, label);
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
