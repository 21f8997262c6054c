import { createHash } from "node:crypto";

/** A key that a test recognises by its name. */
export function keyOf(name: string): Uint8Array {
  return createHash("sha256").update(name).digest();
}
