/** How long to wait between two attempts, in milliseconds. */
export interface RetryLimits {
  readonly min: number;
  readonly max: number;
}

/**
 * The wait before attempt number `attempt`: drawn at random between `min` and a ceiling that doubles with each attempt
 * up to `max`. Drawn from the whole range ("full jitter"), so that a thousand clients do not come back in step.
 *
 * @param attempt Counted from 0.
 * @param random A number from 0 up to 1.
 * @returns Milliseconds.
 */
export function backoff(attempt: number, { min, max }: RetryLimits, random: () => number = Math.random): number {
  const ceiling = Math.min(max, min * 2 ** Math.min(attempt + 1, 30));
  return Math.round(min + random() * Math.max(0, ceiling - min));
}
