/** Largest total size of the payloads in one call, in characters or bytes, unless a single payload is larger. */
export const largestChunk: number = 4 * 1024 * 1024;

/**
 * Cuts a list into chunks, each for one call: of limited length, as Lua unpacks at most 8,000 values, and of limited
 * size, as the server does nothing else meanwhile.
 *
 * @returns At least one chunk, which is empty for an empty list.
 */
export function inChunks<T>(
  items: readonly T[],
  limit: number,
  sizeOf: (item: T) => number = () => 0,
): (readonly T[])[] {
  const chunks: (readonly T[])[] = [];
  let [start, size] = [0, 0];
  items.forEach((item, i) => {
    const itemSize = sizeOf(item);
    if (i > start && (i - start === limit || size + itemSize > largestChunk)) {
      chunks.push(items.slice(start, i));
      [start, size] = [i, 0];
    }
    size += itemSize;
  });
  chunks.push(start === 0 ? items : items.slice(start));
  return chunks;
}

/** Cuts a list into pages of limited length; an empty list has none. */
export function* pages<T>(items: readonly T[], length: number): Iterable<T[]> {
  for (let i = 0; i < items.length; i += length) yield items.slice(i, i + length);
}
