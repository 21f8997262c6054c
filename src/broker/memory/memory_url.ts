/** Whether a URL has the scheme `memory:`, valid or not. */
export function isMemoryUrl(url: string): boolean {
  return /^memory:/i.test(url);
}

/**
 * Parses `memory://` or `memory://name`; a name consists of letters, digits and `-._~`.
 *
 * @returns The URL in normal form.
 * @throws {TypeError} When the URL is invalid. The error shows it without a possible password.
 */
export function parseMemoryUrl(url: string): string {
  const name = /^memory:\/\/([\w.~-]*)$/i.exec(url)?.[1];
  if (name !== undefined) return `memory://${name}`;
  const shown = JSON.stringify(url.replace(/^(memory:\/*)?.*@/is, "$1***@"));
  throw new TypeError(
    `Cannot use memory URL: expected memory:// or memory://name, of letters, digits and "-._~", got ${shown}`,
  );
}
