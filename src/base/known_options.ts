/** The names of all options of a bag; the compiler checks that none is missing. */
export type OptionNames<T> = Readonly<Record<keyof T & string, true>>;

/**
 * Checks that a bag of options has only known names.
 *
 * @param known All names that it may have.
 * @throws {TypeError} When a name is unknown. The message suggests the nearest known one.
 */
export function checkOptionNames(options: object | undefined, known: Readonly<Record<string, true>>): void {
  for (const name in options) {
    if (!Object.hasOwn(known, name)) throw new TypeError(refusalOf(name, Object.keys(known)));
  }
}

function refusalOf(name: string, known: readonly string[]): string {
  const nearest = known
    .map((other) => ({ other, distance: distanceOf(name.toLowerCase(), other.toLowerCase()) }))
    .reduce((a, b) => b.distance < a.distance ? b : a);
  const isNear = nearest.distance <= Math.max(2, name.length / 3);
  const hint = isNear ? `did you mean "${nearest.other}"?` : `expected one of ${known.join(", ")}`;
  return `Cannot use option "${name.slice(0, 60)}": there is no such option, ${hint}`;
}

/** How many characters must be inserted, removed or replaced to turn one text into another (Levenshtein). */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= Math.min(a.length, 60); i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (isSame ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
