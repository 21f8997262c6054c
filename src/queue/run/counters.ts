/** How many tasks a worker has finished, by outcome. */
export interface Counters {
  /** Tasks that succeeded. */
  completed: number;
  /** Tasks that failed, including those that were given up or refused. */
  failed: number;
  /** Runs that are retried later. */
  retried: number;
  /** Tasks that were aborted. */
  aborted: number;
  /** Deliveries that were released, or taken over by another worker. */
  relinquished: number;
}

/** Formats counters like `{completed: 4, failed: 1}`, without zeros. */
export function summarize(counters: Counters, now: { running?: number; lingering?: number } = {}): string {
  const entries = Object.entries({ ...counters, ...now }).filter(([, count]) => count > 0);
  return `{${entries.map(([name, count]) => `${name}: ${count}`).join(", ")}}`;
}
