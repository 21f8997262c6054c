const LONGEST = 40;

/**
 * Shows the beginning of a range of bytes in an error message: quoted, anything but printable ASCII escaped, and never
 * more than 40 characters, since what follows may be somebody's payload.
 *
 * @param bytes Where the range lies.
 * @param start Where it begins.
 * @param end Where it ends.
 * @returns The excerpt.
 */
export function excerpt(bytes: Uint8Array, start: number, end: number): string {
  let shown = "";
  for (let at = start; at < end; at++) {
    const next = escape(bytes[at]!);
    if (shown.length + next.length > LONGEST) return `"${shown}"...`;
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
