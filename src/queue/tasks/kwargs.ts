/** Named arguments for a task that is registered elsewhere, made by {@linkcode kwargs}. */
export interface Kwargs {
  /** The arguments by name. */
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Marks named arguments, for `enqueueUnsafe()`. A task in Python receives them by name, a task in TypeScript as one
 * object after its other arguments.
 *
 * @throws {TypeError} When the values are not an object.
 *
 * @example
 * ```ts
 * import { kwargs, Worker } from "@q/streaq";
 *
 * const worker = new Worker();
 * const task = await worker.enqueueUnsafe<number>("fetch", "https://example.org", kwargs({ retries: 2 }));
 * ```
 */
export function kwargs(values: Readonly<Record<string, unknown>>): Kwargs {
  return new NamedArguments(checkKwargs(values));
}

/**
 * Separates positional arguments from the named ones at their end.
 *
 * @throws {TypeError} When named arguments are not the last ones.
 */
export function splitArguments(
  args: readonly unknown[],
): { readonly args: readonly unknown[]; readonly kwargs: Readonly<Record<string, unknown>> } {
  const index = args.findIndex((argument) => argument instanceof NamedArguments);
  if (index === -1) return { args, kwargs: {} };
  if (index < args.length - 1) {
    throw new TypeError(`Cannot use named arguments: expected them last, got them at index ${index} of ${args.length}`);
  }
  return { args: args.slice(0, -1), kwargs: (args[index] as NamedArguments).values };
}

/** @throws {TypeError} When named arguments are not an object. */
export function checkKwargs(values: unknown): Readonly<Record<string, unknown>> {
  if (typeof values === "object" && values !== null && !Array.isArray(values)) return values as Record<string, unknown>;
  const kind = values === null ? "null" : Array.isArray(values) ? "an array" : typeof values;
  throw new TypeError(`Cannot use named arguments: expected an object, got ${kind}`);
}

class NamedArguments implements Kwargs {
  readonly values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.values = { ...values };
  }
}
