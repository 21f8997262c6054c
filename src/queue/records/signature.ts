import { createHmac, timingSafeEqual } from "node:crypto";

/** How many bytes HMAC-SHA-256 makes. */
const size = 32;

/** Signs records, and tells those that somebody with a secret has signed from all others. */
export class Signature {
  readonly #secrets: readonly string[];

  /**
   * @param secrets One, or several: the first signs, and what any of them has signed is good.
   * @throws {TypeError} When there is none, or one is empty or no string. It never shows them.
   */
  constructor(secrets: string | readonly string[]) {
    this.#secrets = typeof secrets === "string" ? [secrets] : check(secrets);
    for (const secret of this.#secrets) {
      if (typeof secret !== "string") throw new TypeError(`Expected a string as signingSecret: a ${typeof secret}`);
      if (secret === "") throw new TypeError("Expected a signingSecret with at least one character: an empty string");
    }
  }

  /** The bytes with their signature behind them; it is good only together with the same context. */
  seal(bytes: Uint8Array, context?: string): Uint8Array {
    const sealed = new Uint8Array(bytes.length + size);
    sealed.set(bytes);
    sealed.set(sign(bytes, this.#secrets[0]!, context), bytes.length);
    return sealed;
  }

  /** The bytes without their signature; `null` when it is missing or wrong. */
  open(sealed: Uint8Array, context?: string): Uint8Array | null {
    if (sealed.length < size) return null;
    const bytes = sealed.subarray(0, -size);
    const signature = sealed.subarray(-size);
    return this.#secrets.some((secret) => timingSafeEqual(sign(bytes, secret, context), signature)) ? bytes : null;
  }
}

function check(secrets: unknown): readonly string[] {
  if (!Array.isArray(secrets)) {
    throw new TypeError(`Expected a string or a list as signingSecret: ${describe(secrets)}`);
  }
  if (secrets.length === 0) throw new TypeError("Expected at least one signingSecret: an empty list");
  // A copy: what the caller does to the list later must not leave it empty.
  return [...secrets];
}

function describe(value: unknown): string {
  return value === null ? "null" : `a ${typeof value}`;
}

function sign(bytes: Uint8Array, secret: string, context: string | undefined): Uint8Array {
  const hmac = createHmac("sha256", secret).update(bytes);
  // No text holds a zero byte by accident, so that bytes and context cannot pass for other ones.
  return (context === undefined ? hmac : hmac.update(`\0${context}`)).digest();
}
