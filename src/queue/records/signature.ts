import { createHmac, timingSafeEqual } from "node:crypto";

/** The length of an HMAC-SHA-256, in bytes. */
export const signatureSize = 32;

/** Which of several secrets has signed a record: the first, which signs new ones, another one, or none of them. */
export type Signer = "first" | "other" | "none";

/** Signs records, and verifies that a record was signed with one of the secrets. */
export class Signature {
  readonly #secrets: readonly string[];

  /**
   * @param secrets One secret, or several: the first signs, all of them verify.
   * @throws {TypeError} When there is none, or one is not a non-empty string. The message never shows a secret.
   */
  constructor(secrets: string | readonly string[]) {
    this.#secrets = typeof secrets === "string" ? [secrets] : check(secrets);
    for (const secret of this.#secrets) {
      if (typeof secret !== "string") throw refusal("strings", describe(secret));
      if (secret === "") throw refusal("a non-empty string", "an empty one");
    }
  }

  /**
   * Appends the signature to the bytes.
   *
   * @param label What the bytes are, without a zero byte. The signature is valid only together with the same label, so
   * that one kind of record never passes for another.
   */
  seal(bytes: Uint8Array, label: string): Uint8Array {
    const sealed = new Uint8Array(bytes.length + signatureSize);
    sealed.set(bytes);
    sealed.set(sign(bytes, this.#secrets[0]!, label), bytes.length);
    return sealed;
  }

  /** Returns the bytes without their signature; `null` when it is missing or wrong. */
  open(sealed: Uint8Array, label: string): Uint8Array | null {
    return this.signer(sealed, label) === "none" ? null : sealed.subarray(0, -signatureSize);
  }

  /** Which secret has signed the bytes. */
  signer(sealed: Uint8Array, label: string): Signer {
    if (sealed.length < signatureSize) return "none";
    const bytes = sealed.subarray(0, -signatureSize);
    const signature = sealed.subarray(-signatureSize);
    const index = this.#secrets.findIndex((secret) => timingSafeEqual(sign(bytes, secret, label), signature));
    return index < 0 ? "none" : index === 0 ? "first" : "other";
  }
}

function check(secrets: unknown): readonly string[] {
  if (!Array.isArray(secrets)) throw refusal("a string or a list of strings", describe(secrets));
  if (secrets.length === 0) throw refusal("at least one secret", "an empty list");
  // A copy: the caller may change the list later.
  return [...secrets];
}

function refusal(expected: string, found: string): TypeError {
  return new TypeError(`Cannot use option "signingSecret": expected ${expected}, got ${found}`);
}

function describe(value: unknown): string {
  return value === null || value === undefined ? String(value) : `a ${typeof value}`;
}

function sign(bytes: Uint8Array, secret: string, label: string): Uint8Array {
  // The zero byte separates the label from the bytes.
  return createHmac("sha256", secret).update(`${label}\0`).update(bytes).digest();
}
