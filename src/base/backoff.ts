/** Shortest and longest wait between two attempts, in milliseconds. */
export interface RetryLimits {
  readonly min: number;
  readonly max: number;
}

/**
 * Returns how long to wait after a failed attempt: a random time between `min` and a ceiling that doubles with each
 * attempt, up to `max`. Using the full range ("full jitter") keeps a thousand clients from retrying at the same moment.
 *
 * @param attempt Number of the failed attempt, from 0.
 * @param random Returns a number from 0 to 1.
 * @returns Milliseconds.
 */
export function backoff(attempt: number, { min, max }: RetryLimits, random: () => number = Math.random): number {
  const ceiling = Math.min(max, min * 2 ** Math.min(attempt + 1, 30));
  return Math.round(min + random() * Math.max(0, ceiling - min));
}
