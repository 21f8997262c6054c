/** How many tasks came to which end. */
export interface Counters {
  /** Succeeded. */
  completed: number;
  /** Failed, given up and refused ones included. */
  failed: number;
  /** Put back to be tried again. */
  retried: number;
  /** Aborted. */
  aborted: number;
  /** Handed back, or taken over by another worker. */
  relinquished: number;
}

/** Like `{completed: 4, failed: 1}`, without zeros. */
export function summarize(counters: Counters, now: { running?: number; lingering?: number } = {}): string {
  const entries = Object.entries({ ...counters, ...now }).filter(([, count]) => count > 0);
  return `{${entries.map(([name, count]) => `${name}: ${count}`).join(", ")}}`;
}
