/** Options for counting tasks. */
export interface SizeOptions {
  /**
   * Whether to count scheduled tasks too.
   *
   * @default {true}
   */
  includeScheduled?: boolean | undefined;
}
