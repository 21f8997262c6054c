import { Buffer } from "node:buffer";
import { StreaqError } from "./errors.ts";

/** Maximum length of an id, in UTF-16 code units. */
const longestId = 512;

/**
 * Checks an id that a caller has passed.
 *
 * @param option Name of the option that holds it; without one, the error speaks of the id.
 * @throws {StreaqError} If it is not a string of 1 to 512 characters, or not well-formed Unicode.
 */
export function checkId(id: unknown, option?: string): string {
  if (typeof id === "string" && id !== "" && id.length <= longestId && id.isWellFormed()) return id;
  const subject = option === undefined ? "id" : `option "${option}"`;
  const shown = typeof id === "string" ? JSON.stringify(id.slice(0, 60)) : String(id);
  throw new StreaqError(
    `Cannot use ${subject}: expected 1 to ${longestId} characters of well-formed Unicode, got ${shown}`,
  );
}

/** Length of a generated id, in hexadecimal digits. */
const idLength = 32;
/**
 * How many ids are generated at once, since a call for random bytes costs as much as ten ids. Engines cut an id from
 * their text without a copy, so that a single id keeps the whole text in memory: more would waste memory.
 */
const idsAtOnce = 64;
let digits = "";
let used = 0;

/** Returns 128 random bits as 32 hexadecimal digits, of which a prefix replaces the first ones. */
export function randomId(prefix = ""): string {
  if (used === digits.length) {
    const bytes = crypto.getRandomValues(new Uint8Array(idsAtOnce * idLength / 2));
    digits = Buffer.from(bytes.buffer).toString("hex");
    used = 0;
  }
  const id = prefix + digits.slice(used + prefix.length, used + idLength);
  used += idLength;
  return id;
}
