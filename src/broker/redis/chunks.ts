/** How large the payloads of one call are together, in characters or bytes, unless one alone is larger. */
export const largestChunk: number = 4 * 1024 * 1024;

/**
 * Cuts a list into parts, each for one call: of bounded length, as Lua unpacks at most 8,000 values, and of bounded size,
 * as the server does nothing else meanwhile.
 *
 * @returns At least one part.
 */
export function inChunks<T>(
  items: readonly T[],
  limit: number,
  sizeOf: (item: T) => number = () => 0,
): (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  let [start, size] = [0, 0];
  items.forEach((item, i) => {
    const itemSize = sizeOf(item);
    if (i > start && (i - start === limit || size + itemSize > largestChunk)) {
      parts.push(items.slice(start, i));
      [start, size] = [i, 0];
    }
    size += itemSize;
  });
  parts.push(start === 0 ? items : items.slice(start));
  return parts;
}

/** Cuts a list into pages of a length; none of an empty one. */
export function* pages<T>(items: readonly T[], size: number): Iterable<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}
