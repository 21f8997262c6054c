const LIMIT = 40;

/**
 * Formats the beginning of a range of bytes for an error message: quoted, with escapes for everything except printable
 * ASCII. It has at most 40 characters, since the bytes may belong to a payload.
 *
 * @param start Index of the first byte.
 * @param end Index after the last byte.
 */
export function excerpt(bytes: Uint8Array, start: number, end: number): string {
  let shown = "";
  for (let at = start; at < end; at++) {
    const next = escape(bytes[at]!);
    if (shown.length + next.length > LIMIT) return `"${shown}"...`;
    shown += next;
  }
  return `"${shown}"`;
}

function escape(byte: number): string {
  if (byte === 0x0d) return "\\r";
  if (byte === 0x0a) return "\\n";
  if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}
