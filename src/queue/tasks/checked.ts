import type { InputOf, Inputs, OutputOf, Outputs, StandardSchemaV1 } from "./standard_schema.ts";
import { isClass } from "./task_name.ts";
import { type Schemas, Validator } from "./validator.ts";

/** Marks a checked function. A registered symbol, so that two copies of this library agree. */
const checkedMark: unique symbol = Symbol.for("streaq.checked");

/** A function and the schemas that check its arguments and its result. */
interface Parts extends Schemas {
  readonly fn: (...args: unknown[]) => unknown;
}

/**
 * Checks the arguments of a function with schemas of any library that implements
 * [Standard Schema](https://standardschema.dev), one for each parameter. Schemas at the end that accept `undefined` make
 * optional parameters.
 *
 * As a task, its arguments are checked when a request is sent, and again when it runs: what comes out of the schemas
 * then is what the function gets. If they are refused there, the task fails without a try. Called as a function, it
 * checks as well.
 *
 * @param input The schemas of the parameters.
 * @param fn The function. Its parameters have the types that come out of the schemas.
 * @returns A function with the name of `fn`, which takes what the schemas accept, and rejects with a
 * {@linkcode ValidationError}.
 * @throws {TypeError} When a schema does not implement version 1 of Standard Schema, or `fn` is not a function.
 *
 * @example
 * ```ts
 * import { checked, Worker } from "@q/streaq";
 * import { z } from "zod";
 *
 * const worker = new Worker();
 * const Order = z.object({ id: z.string(), at: z.iso.datetime().transform((text) => new Date(text)) });
 *
 * const ship = worker.task(checked([Order, z.string().optional()], async function ship(order, note) {
 *   await fetch(`https://example.org/ship/${order.id}?day=${order.at.getDate()}`, { method: "POST", body: note ?? "" });
 * }));
 *
 * await ship.enqueue({ id: "17", at: "2027-01-01T00:00:00Z" }, "fragile");
 * ```
 */
export function checked<const S extends readonly StandardSchemaV1[], R>(
  input: S,
  fn: (...args: Outputs<S>) => R,
): (...args: Inputs<S>) => Promise<Awaited<R>>;
/**
 * Checks the arguments of a function, and its result: what comes out of its schema is what is returned, or stored as the
 * result of the task. A task whose result is refused fails, and is not tried again.
 *
 * @param output The schema of the result.
 */
export function checked<const S extends readonly StandardSchemaV1[], O extends StandardSchemaV1>(
  input: S,
  fn: (...args: Outputs<S>) => InputOf<O> | PromiseLike<InputOf<O>>,
  output: O,
): (...args: Inputs<S>) => Promise<OutputOf<O>>;
export function checked(input: unknown, fn: unknown, output?: unknown): (...args: unknown[]) => Promise<unknown> {
  const parts = checkParts(input, fn, output);
  const validator = new Validator(parts, parts.fn.name);
  return Object.defineProperties(async (...args: unknown[]) => await validator.call(parts.fn, args), {
    name: { value: parts.fn.name, configurable: true },
    [checkedMark]: { value: parts },
  });
}

/** Takes a checked function apart; `undefined` for any other one. */
export function partsOf(fn: unknown): Parts | undefined {
  return (fn as { readonly [checkedMark]?: Parts })[checkedMark];
}

/** @throws {TypeError} When one of the parts is not what it should be. */
function checkParts(input: unknown, fn: unknown, output: unknown): Parts {
  if (typeof fn !== "function" || isClass(fn)) {
    const got = typeof fn === "function" ? `class ${fn.name}` : typeof fn;
    throw new TypeError(`Cannot check arguments: expected a function, got ${got}`);
  }
  const subject = `Cannot check function ${fn.name || "without a name"}`;
  if (!Array.isArray(input)) throw new TypeError(`${subject}: expected an array of schemas, got ${kindOf(input)}`);
  // A copy: the caller may change the list.
  const schemas = Array.from(input, (schema, i) => checkSchema(schema, `${subject}: expected a schema at index ${i}`));
  return {
    fn: fn as Parts["fn"],
    input: schemas,
    output: output === undefined ? undefined : checkSchema(output, `${subject}: expected a schema of its result`),
  };
}

function checkSchema(schema: unknown, expected: string): StandardSchemaV1 {
  const properties: unknown = Object(schema)["~standard"];
  if (typeof properties !== "object" || properties === null) throw new TypeError(`${expected}, got ${kindOf(schema)}`);
  const { version, validate } = properties as { version?: unknown; validate?: unknown };
  if (version !== 1) throw new TypeError(`${expected} by version 1 of Standard Schema, got version ${String(version)}`);
  if (typeof validate !== "function") throw new TypeError(`${expected}, got one without a function to validate`);
  return schema as StandardSchemaV1;
}

function kindOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}
