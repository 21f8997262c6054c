/** Options for listing tasks. */
export interface ListOptions {
  /**
   * How many tasks to list at most, from 1 to 10,000.
   *
   * @default {100}
   */
  limit?: number | undefined;
  /** The only priority to list; all of them by default. Results have none. */
  priority?: string | undefined;
}
