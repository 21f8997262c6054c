import { createHmac, timingSafeEqual } from "node:crypto";

/** The length of an HMAC-SHA-256, in bytes. */
export const signatureSize = 32;

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

  /** Appends the signature to the bytes. It is valid only together with the same context. */
  seal(bytes: Uint8Array, context?: string): Uint8Array {
    const sealed = new Uint8Array(bytes.length + signatureSize);
    sealed.set(bytes);
    sealed.set(sign(bytes, this.#secrets[0]!, context), bytes.length);
    return sealed;
  }

  /** Returns the bytes without their signature; `null` when it is missing or wrong. */
  open(sealed: Uint8Array, context?: string): Uint8Array | null {
    if (sealed.length < signatureSize) return null;
    const bytes = sealed.subarray(0, -signatureSize);
    const signature = sealed.subarray(-signatureSize);
    return this.#secrets.some((secret) => timingSafeEqual(sign(bytes, secret, context), signature)) ? bytes : null;
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

function sign(bytes: Uint8Array, secret: string, context: string | undefined): Uint8Array {
  const hmac = createHmac("sha256", secret).update(bytes);
  // The zero byte separates the bytes from the context: it does not occur in text.
  return (context === undefined ? hmac : hmac.update(`\0${context}`)).digest();
}
