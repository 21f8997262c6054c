/** The schedule of a task that repeats, or of a cron job. */
export interface Schedule {
  /** The id of the task, or the name of the cron job; `unscheduleById()` takes it. */
  readonly id: string;
  /** The name under which the task is registered. */
  readonly fnName: string;
  /** The positional arguments. */
  readonly args: readonly unknown[];
  /** The named arguments. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** The cron expression. */
  readonly expression: string;
  /** The IANA time zone of the expression. */
  readonly timeZone: string;
  /** The priority of its occurrences. */
  readonly priority: string;
  /** When the next occurrence is due, in Unix milliseconds; in the past while that waits for a worker. */
  readonly nextRun: number;
  /** Whether it was created by `start({ schedule })`; `false` for a cron job of the code. */
  readonly dynamic: boolean;
}
