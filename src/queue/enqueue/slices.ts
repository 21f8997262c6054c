import { nextTick } from "node:process";

/** How many items a slice has. */
const sliceLength = 125;
/** How many slices are on their way at once. */
const slicesAtOnce = 8;

/**
 * Sends items in slices: some are on their way while the next ones are prepared.
 *
 * @param send Prepares and sends the items of a slice, the first of which is at index `start`. Resolves to whether to
 * send more, and must not reject.
 * @returns The items that were not sent.
 */
export async function inSlices<T>(
  items: readonly T[],
  send: (slice: readonly T[], start: number) => Promise<boolean>,
): Promise<readonly T[]> {
  const slices: Promise<void>[] = [];
  let start = 0;
  let isStopped = false;
  while (start < items.length && !isStopped) {
    const slice = items.slice(start, start + sliceLength);
    slices.push(send(slice, start).then((goesOn) => void (isStopped ||= !goesOn)));
    start += slice.length;
    // The commands of a tick leave at its end.
    await new Promise<void>((resolve) => nextTick(resolve));
    await slices[slices.length - slicesAtOnce];
  }
  await Promise.all(slices);
  return items.slice(start);
}
