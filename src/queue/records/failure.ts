import { StreaqCancelled, StreaqError, StreaqRetry, TimeoutError, ValidationError } from "../../base/errors.ts";
import { isInstance } from "../../base/is_instance.ts";

/** An error as it is stored in a record. */
export interface FailureRecord {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: FailureRecord;
}

/** Lengths at which texts are cut, so that a failure fits into a record. */
const maxLength = { name: 200, message: 16_384, stack: 16_384 };
/** Length at which a chain of causes is cut. */
const maxCauses = 8;

/** Classes that errors are restored to, by name; any other error becomes an `Error` with its name. */
const classes = new Map<string, new (message: string) => Error>(
  [
    StreaqError,
    StreaqCancelled,
    StreaqRetry,
    TimeoutError,
    ValidationError,
    Error,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
  ].map((type) => [new type("").name, type]),
);

/** Describes a thrown value. Never throws, even when a getter of the error does. */
export function describeFailure(thrown: unknown, depth = 0): FailureRecord {
  if (!isErrorLike(thrown)) return { name: "Error", message: cut(`Thrown: ${show(thrown)}`, maxLength.message) };
  const stack = property(thrown, "stack");
  const cause = depth < maxCauses ? property(thrown, "cause") : undefined;
  return {
    name: cut(text(property(thrown, "name")) || "Error", maxLength.name),
    message: cut(text(property(thrown, "message")), maxLength.message),
    ...(typeof stack === "string" ? { stack: cut(stack, maxLength.stack) } : {}),
    ...(cause !== undefined ? { cause: describeFailure(cause, depth + 1) } : {}),
  };
}

/** Restores the error that {@linkcode describeFailure} described. Nothing in the record is executed. */
export function restoreFailure(record: unknown, depth = 0): Error {
  if (typeof record !== "object" || record === null) {
    const kind = record === null ? "null" : typeof record;
    return withJson(new StreaqError(`Cannot read the failure of the task: expected an object, got ${kind}`));
  }
  const { name, message, stack, cause } = record as Record<string, unknown>;
  const type = classes.get(text(name)) ?? Error;
  const error = new type(text(message));
  if (error.name !== name && typeof name === "string") define(error, "name", name);
  define(error, "stack", typeof stack === "string" ? stack : `${text(name)}: ${text(message)}`);
  if (cause !== undefined && depth < maxCauses) define(error, "cause", restoreFailure(cause, depth + 1));
  return withJson(error);
}

/** Gives an error a JSON form with its name, message, stack and cause: that of other errors is empty. */
export function withJson<E extends Error>(error: E): E {
  define(error, "toJSON", () => describeFailure(error));
  return error;
}

/** Whether a value is an error, also one of another realm. */
export function isErrorLike(value: unknown): value is Error {
  if (isInstance(value, Error)) return true;
  return typeof value === "object" && value !== null && typeof property(value, "message") === "string" &&
    typeof property(value, "name") === "string";
}

function property(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    // A getter that throws counts as a missing property.
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
    // It has no toString, or one that throws.
    return typeof value;
  }
}

function cut(text: string, length: number): string {
  return text.length > length ? text.slice(0, length) : text;
}

/** Defines a property like one that the constructor creates: writable, but not enumerable. */
function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
}
