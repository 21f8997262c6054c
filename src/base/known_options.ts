/** The names of all options of a bag; the compiler checks that none is missing. */
export type OptionNames<T> = Readonly<Record<keyof T & string, true>>;

/**
 * Checks that a bag of options has only known names.
 *
 * @param known All names that it may have.
 * @param bag The option that holds the bag, if it stands inside another one.
 * @throws {TypeError} When a name is unknown, or it is no bag. The message suggests the nearest known name.
 */
export function checkOptionNames(options: object | undefined, known: Readonly<Record<string, true>>, bag = ""): void {
  const refusal = optionRefusal(options, known, bag);
  if (refusal !== undefined) throw refusal;
}

/** Returns the error that {@linkcode checkOptionNames} throws, if any. */
export function optionRefusal(
  options: object | undefined,
  known: Readonly<Record<string, true>>,
  bag = "",
): TypeError | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== "object" || options === null) return noBag(options, bag);
  for (const name in options) {
    if (Object.hasOwn(known, name)) continue;
    const other = suggestionFor(name, Object.keys(known));
    const hint = other === undefined
      ? `expected one of ${Object.keys(known).join(", ")}`
      : `did you mean "${inBag(other, bag)}"?`;
    return unknownOption(name, bag, hint);
  }
  return undefined;
}

/**
 * Checks that a bag of options, which are passed on and may have names that are not known here, has no misspelt one.
 *
 * @param known Names that it is likely to have.
 * @param bag The option that holds the bag.
 * @throws {TypeError} When a name differs from a known one in its case or, by its length, one or two characters.
 */
export function checkOptionSpelling(options: object | undefined, known: readonly string[], bag: string): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) throw noBag(options, bag);
  for (const name in options) {
    const { other, distance } = nearestOf(name, known);
    if (name === other || distance > (name.length < 8 ? 1 : 2)) continue;
    throw unknownOption(name, bag, `did you mean "${inBag(other, bag)}"?`);
  }
}

/** The known name that is meant by a misspelt one; `undefined` when none is near. */
export function suggestionFor(name: string, known: readonly string[]): string | undefined {
  const { other, distance } = nearestOf(name, known);
  return distance <= Math.max(2, name.length / 3) ? other : undefined;
}

function noBag(options: unknown, bag: string): TypeError {
  const what = bag === "" ? "the options" : `option "${bag}"`;
  return new TypeError(`Cannot use ${what}: expected an object, got ${options === null ? "null" : typeof options}`);
}

function unknownOption(name: string, bag: string, hint: string): TypeError {
  return new TypeError(`Cannot use option "${inBag(name.slice(0, 60), bag)}": there is no such option, ${hint}`);
}

function inBag(name: string, bag: string): string {
  return bag === "" ? name : `${bag}.${name}`;
}

/** The known name that is nearest to another one, whatever the case. */
function nearestOf(name: string, known: readonly string[]): { other: string; distance: number } {
  return known
    .map((other) => ({ other, distance: distanceOf(name.toLowerCase(), other.toLowerCase()) }))
    .reduce((a, b) => b.distance < a.distance ? b : a);
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
