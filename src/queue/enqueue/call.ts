/** A call of a task's function. */
export interface Call {
  readonly fnName: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** How long the task may be ready before its first start, in milliseconds; `null` for no limit. */
  readonly expire: number | null;
}
