/** Options of an operation that waits and can be cancelled. */
export interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}
