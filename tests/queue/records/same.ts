/**
 * Compares two values, including order, holes, prototypes, signs of zero and shared references. The comparisons of the
 * runtimes overlook some of that, or take very long.
 */
export function same(a: unknown, b: unknown, met: Map<unknown, unknown> = new Map()): boolean {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return Object.is(a, b);
  if (met.has(a)) return met.get(a) === b;
  met.set(a, b);
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const [left, right] = [parts(a), parts(b)];
  return left.length === right.length && left.every((part, i) => same(part, right[i], met));
}

/** Returns the parts of an object that `same()` compares. */
function parts(value: object): unknown[] {
  if (value instanceof Map) return [...value].flat();
  if (value instanceof Set) return [...value];
  if (value instanceof Date) return [value.getTime()];
  if (value instanceof RegExp) return [value.source, value.flags];
  if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
  if (value instanceof DataView) return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  if (ArrayBuffer.isView(value)) return [...value as Uint8Array];
  const entries = Object.keys(value).flatMap((key) => [key, (value as Record<string, unknown>)[key]]);
  return Array.isArray(value) ? [value.length, ...entries] : entries;
}
