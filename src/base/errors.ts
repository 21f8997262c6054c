/** The base class of every error that the queue itself reports. */
export class StreaqError extends Error {
  override name = "StreaqError";
}

/** The failure of a task that was aborted. */
export class StreaqCancelled extends StreaqError {
  override name = "StreaqCancelled";
}

/** Something took longer than it was given: a task its `timeout`, a caller's wait for a result, a connection. */
export class TimeoutError extends Error {
  /** The name of the class. */
  override name = "TimeoutError";
}
