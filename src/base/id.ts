import { StreaqError } from "./errors.ts";

/** The longest id, in UTF-16 units. */
const longestId = 512;

/**
 * Checks an id given by a caller.
 *
 * @param name What it was given as.
 * @throws {StreaqError} When it cannot be one.
 */
export function checkId(id: unknown, name = "id"): string {
  if (typeof id !== "string" || id === "" || id.length > longestId || !id.isWellFormed()) {
    const shown = typeof id === "string" ? JSON.stringify(id.slice(0, 60)) : String(id);
    throw new StreaqError(`Invalid ${name}, expected 1 to ${longestId} characters of well-formed text: ${shown}`);
  }
  return id;
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** Random bytes come cheaper by the page. */
const page = new Uint8Array(4096);
let used = page.length;

/** 128 random bits as 32 hex characters. */
export function randomId(): string {
  if (used === page.length) {
    crypto.getRandomValues(page);
    used = 0;
  }
  let id = "";
  for (const end = used + 16; used < end; used++) id += hex[page[used]!];
  return id;
}
