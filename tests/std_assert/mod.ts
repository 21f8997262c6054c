/**
 * The part of `@std/assert` that the tests use, implemented with `node:assert`.
 *
 * Bun and Node always use it (`paths` in tsconfig.json), Deno only if JSR is not reachable. It is at least as strict as
 * the original, so a test that passes with it also passes with the original.
 *
 * @module
 */
import nodeAssert from "node:assert";
import { inspect } from "node:util";

type Constructor<T> = abstract new (...args: never[]) => T;

export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) fail(msg || "Expected a truthy value", expr);
}

export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, msg);
}

export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, msg);
}

export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  nodeAssert.strictEqual(actual, expected, msg);
}

export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) fail(msg ?? "Expected a value that is not null or undefined", actual);
}

export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: Constructor<T>,
  msg?: string,
): asserts actual is T {
  if (!(actual instanceof expectedType)) fail(msg ?? `Expected an instance of ${expectedType.name}`, actual);
}

export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) fail(msg ?? `Expected a string that includes ${show(expected)}`, actual);
}

export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  nodeAssert.match(actual, expected, msg);
}

export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, msg?: string): void {
  const missing = Array.from(expected).filter((element) =>
    !Array.from(actual).some((other) => isDeepEqual(other, element))
  );
  if (missing.length > 0) fail(msg ?? `Expected an array that includes ${show(missing)}`, actual);
}

export function assertObjectMatch(
  actual: Record<PropertyKey, unknown>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  nodeAssert.deepStrictEqual(pick(actual, expected), expected, msg);
}

export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) fail(msg ?? `Expected a value > ${show(expected)}`, actual);
}

export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) fail(msg ?? `Expected a value >= ${show(expected)}`, actual);
}

export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) fail(msg ?? `Expected a value < ${show(expected)}`, actual);
}

export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) fail(msg ?? `Expected a value <= ${show(expected)}`, actual);
}

/** @param tolerance Maximum difference; a ten-millionth of `expected` unless given. */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  if (Object.is(actual, expected)) return;
  const limit = tolerance ?? (expected === 0 ? 1e-7 : Math.abs(expected * 1e-7));
  if (!(Math.abs(actual - expected) <= limit)) fail(msg ?? `Expected a value within ${limit} of ${expected}`, actual);
}

export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Constructor<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(fn: () => unknown, ...expectation: Expectation): unknown {
  try {
    fn();
  } catch (error) {
    return checkError(error, expectation);
  }
  fail("Expected the function to throw");
}

export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Constructor<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(fn: () => PromiseLike<unknown>, ...expectation: Expectation): Promise<unknown> {
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    fail("Expected the function to reject, but it threw", error);
  }
  try {
    await promise;
  } catch (error) {
    return checkError(error, expectation);
  }
  fail("Expected the function to reject");
}

export function fail(msg = "Failed", actual?: unknown): never {
  const message = actual === undefined ? msg : `${msg}: ${show(actual)}`;
  throw new nodeAssert.AssertionError({ message });
}

export function unreachable(reason = "Unreachable"): never {
  fail(reason);
}

/** Arguments of `assertThrows` and `assertRejects` after the function. */
type Expectation = [msg?: string] | [ErrorClass: Constructor<Error>, msgIncludes?: string, msg?: string];

function checkError(error: unknown, [ErrorClass, msgIncludes, msg]: Expectation): unknown {
  if (typeof ErrorClass !== "function") return error;
  assertInstanceOf(error, ErrorClass, msg);
  if (msgIncludes !== undefined) assertStringIncludes(error.message, msgIncludes, msg);
  return error;
}

function isDeepEqual(a: unknown, b: unknown): boolean {
  try {
    nodeAssert.deepStrictEqual(a, b);
    return true;
  } catch {
    return false; // It throws if they differ, and for no other reason.
  }
}

/** Returns the part of `actual` with the properties of `expected`, at every depth. */
function pick(actual: unknown, expected: unknown): unknown {
  if (!isRecord(actual) || !isRecord(expected)) return actual;
  return Object.fromEntries(
    Reflect.ownKeys(expected).filter((key) => key in actual).map((key) => [key, pick(actual[key], expected[key])]),
  );
}

function isRecord(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : inspect(value, { depth: 4 });
}
