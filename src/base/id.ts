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

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** Random bytes that are not used yet: one call for 4096 bytes is cheaper than 256 calls for 16. */
const pool = new Uint8Array(4096);
let used = pool.length;

/** Returns 128 random bits as 32 hexadecimal digits. */
export function randomId(): string {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let id = "";
  for (const end = used + 16; used < end; used++) id += hex[pool[used]!];
  return id;
}
