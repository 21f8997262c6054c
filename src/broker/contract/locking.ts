/** The lock of a function that runs for one task at a time. */
export interface Lock {
  readonly fnName: string;
  readonly taskId: string;
  /** Identifies the run that holds it: 32 hex characters. */
  readonly token: string;
}

/** How a worker locks unique functions. */
export interface Locking {
  /**
   * Takes a lock for `idleTimeout`, or takes it over from another run of the same task.
   *
   * @returns `null` when it was taken, the id of the task that holds it, or an error where the store refuses it for good.
   */
  take(lock: Lock): Promise<string | null | Error>;
  /** Extends locks by `idleTimeout`; returns those that are lost. */
  extend(locks: readonly Lock[]): Promise<Lock[]>;
  /** Releases a lock if the run still holds it. */
  release(lock: Lock): Promise<void>;
}
