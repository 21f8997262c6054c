/** The lock of a function that runs for one task at a time. */
export interface Lock {
  readonly fnName: string;
  readonly taskId: string;
  /** Identifies the run that holds it: 32 hex characters. */
  readonly token: string;
}

/** The part of a worker that locks unique functions. */
export interface Locking {
  /**
   * Takes a lock for `idleTimeout`, or takes it over from another run of the same task.
   *
   * @returns `null` when it was taken, the id of the task that holds it, or an error when the store will never accept
   * it.
   */
  take(lock: Lock): Promise<string | null | Error>;
  /** Extends locks by `idleTimeout`; returns the lost ones. */
  extend(locks: readonly Lock[]): Promise<Lock[]>;
  /** Releases a lock if the run still holds it. */
  release(lock: Lock): Promise<void>;
}
