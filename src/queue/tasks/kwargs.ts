/** Named arguments for a task that is registered elsewhere; made by {@linkcode kwargs}. */
export class Kwargs {
  readonly #values: Readonly<Record<string, unknown>>;

  /** Made by {@linkcode kwargs}. */
  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = { ...values };
  }

  /** The arguments by name. */
  get values(): Readonly<Record<string, unknown>> {
    return this.#values;
  }
}

/**
 * Named arguments, for `enqueueUnsafe()`. A task in Python takes them by name; one of ours finds them in one object
 * after its other arguments.
 *
 * @throws {TypeError} When the values are no plain object.
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
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new TypeError(`Invalid named arguments, expected an object: ${values}`);
  }
  return new Kwargs(values);
}

/**
 * Parts arguments into positional and named ones: those at the end, if they were made with {@linkcode kwargs}.
 *
 * @throws {TypeError} When named ones come before others.
 */
export function partArguments(
  args: readonly unknown[],
): { readonly args: readonly unknown[]; readonly kwargs: Readonly<Record<string, unknown>> } {
  const place = args.findIndex((argument) => argument instanceof Kwargs);
  if (place === -1) return { args, kwargs: {} };
  if (place < args.length - 1) {
    throw new TypeError(`Invalid arguments, named ones come last: ${place} of ${args.length}`);
  }
  return { args: args.slice(0, -1), kwargs: (args[place] as Kwargs).values };
}
