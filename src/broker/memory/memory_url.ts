/** Whether a URL is that of a queue in memory, or was to be. */
export function isMemoryUrl(url: string): boolean {
  return /^memory:/i.test(url);
}

/**
 * Reads `memory://` or `memory://name`; a name is made of letters, digits and `-._~`.
 *
 * @returns The URL, the same text for all that mean the same.
 * @throws {TypeError} When it is no such URL. The error names it without what may be a password.
 */
export function parseMemoryUrl(url: string): string {
  const name = /^memory:\/\/([\w.~-]*)$/i.exec(url)?.[1];
  if (name !== undefined) return `memory://${name}`;
  const shown = JSON.stringify(url.replace(/^(memory:\/*)?.*@/is, "$1***@"));
  throw new TypeError(`Invalid URL, expected memory:// or memory://name, of letters, digits and "-._~": ${shown}`);
}
