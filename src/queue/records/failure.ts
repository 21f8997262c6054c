import { StreaqCancelled, StreaqError, StreaqRetry, TimeoutError } from "../../base/errors.ts";

/** An error as a record holds it. */
export interface FailureRecord {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: FailureRecord;
}

/** Longer texts are cut, so that a failure fits into a record. */
const longest = { name: 200, message: 16_384, stack: 16_384 };
/** Causes of causes beyond this are dropped. */
const deepest = 8;

/** The classes that an error comes back as, by name; anything else comes back as an `Error` with its name. */
const classes = new Map<string, new (message: string) => Error>(
  [
    StreaqError,
    StreaqCancelled,
    StreaqRetry,
    TimeoutError,
    Error,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
  ].map((type) => [type.name, type]),
);

/** Describes whatever was thrown. It never throws itself, even when a getter of the error does. */
export function describeFailure(thrown: unknown, depth = 0): FailureRecord {
  if (!isErrorLike(thrown)) return { name: "Error", message: cut(`Thrown: ${show(thrown)}`, longest.message) };
  const stack = property(thrown, "stack");
  const cause = depth < deepest ? property(thrown, "cause") : undefined;
  return {
    name: cut(text(property(thrown, "name")) || "Error", longest.name),
    message: cut(text(property(thrown, "message")), longest.message),
    ...(typeof stack === "string" ? { stack: cut(stack, longest.stack) } : {}),
    ...(cause !== undefined ? { cause: describeFailure(cause, depth + 1) } : {}),
  };
}

/** Makes the error again that {@linkcode describeFailure} described. Whatever the record holds, nothing of it is run. */
export function restoreFailure(record: unknown, depth = 0): Error {
  if (typeof record !== "object" || record === null) return new StreaqError(`Unreadable failure: ${show(record)}`);
  const { name, message, stack, cause } = record as Record<string, unknown>;
  const type = classes.get(text(name)) ?? Error;
  const error = new type(text(message));
  if (error.name !== name && typeof name === "string") define(error, "name", name);
  define(error, "stack", typeof stack === "string" ? stack : `${text(name)}: ${text(message)}`);
  if (cause !== undefined && depth < deepest) define(error, "cause", restoreFailure(cause, depth + 1));
  return error;
}

/** Also true for errors of another realm, like those of a thread. */
function isErrorLike(value: unknown): value is object {
  try {
    if (value instanceof Error) return true;
  } catch {
    // A proxy that was revoked allows not even that.
  }
  return typeof value === "object" && value !== null && typeof property(value, "message") === "string" &&
    typeof property(value, "name") === "string";
}

function property(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    // A throwing getter is the same as nothing there.
    return undefined;
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function show(value: unknown): string {
  try {
    return String(value);
  } catch {
    // Its toString throws, or it has none.
    return typeof value;
  }
}

function cut(text: string, length: number): string {
  return text.length > length ? text.slice(0, length) : text;
}

/** Like the property that the constructor would have made: not listed, but changeable. */
function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
}
