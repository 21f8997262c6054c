/**
 * Marks an array that a pipe spreads. A registered symbol, so that two copies of this library agree.
 *
 * @internal
 */
export const spread: unique symbol = Symbol.for("streaq.tuple");

/** An array that a pipe spreads over several parameters, made with {@linkcode tuple}. */
export type Tuple<T extends readonly unknown[]> = T & { readonly [spread]: true };

/**
 * The type of a stored result: the mark of a tuple is not stored.
 *
 * @internal
 */
export type Unmarked<R> = R extends Tuple<infer T> ? T : R;

/**
 * The arguments that a piped result becomes: those of a tuple, none for `void`, otherwise one.
 *
 * @internal
 */
export type Piped<R> = [R] extends [void] ? [] : R extends Tuple<infer T> ? T : [R];

/**
 * Creates an array that is spread over several parameters when it is piped, as a result, into another task. Otherwise
 * it is an array like any other.
 *
 * @example
 * ```ts
 * import { type Tuple, tuple, Worker } from "@q/streaq";
 *
 * const worker = new Worker();
 * const divide = worker.task("divide", (a: number, b: number): Tuple<[number, number]> => {
 *   return tuple(Math.floor(a / b), a % b);
 * });
 * const show = worker.task("show", (quotient: number, rest: number): string => `${quotient}, rest ${rest}`);
 *
 * const task = await divide.enqueue(17, 5).pipe(show); // Its result is "3, rest 2".
 * ```
 */
export function tuple<T extends readonly unknown[]>(...values: T): Tuple<T> {
  return markTuple(values);
}

/** Marks an array as a {@linkcode Tuple}. */
export function markTuple<T extends readonly unknown[]>(values: T): Tuple<T> {
  // Not enumerable, so that no serializer sees it.
  return Object.defineProperty(values, spread, { value: true }) as unknown as Tuple<T>;
}

/** Whether an array was made with {@linkcode tuple}. */
export function isTuple(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && (value as { [spread]?: unknown })[spread] === true;
}

/** The arguments that a piped result becomes. */
export function argumentsFrom(result: unknown): readonly unknown[] {
  if (isTuple(result)) return result;
  return result === undefined ? [] : [result];
}
