/** The base class of every error that the queue itself reports. */
export class StreaqError extends Error {
  /** The name of the class, by which it is known again after a trip through Redis. */
  override name = "StreaqError";
}

/** The failure of a task that was aborted. */
export class StreaqCancelled extends StreaqError {
  /** The name of the class, by which it is known again after a trip through Redis. */
  override name = "StreaqCancelled";
}

/** Something took longer than it was given: a task its `timeout`, a caller's wait for a result, a connection. */
export class TimeoutError extends Error {
  /** The name of the class. */
  override name = "TimeoutError";
}
