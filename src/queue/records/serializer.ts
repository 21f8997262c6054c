/** How values become stored records and come back. */
export interface Serializer {
  /**
   * Makes text or bytes of a value.
   *
   * @throws When the value would not come back as it is.
   */
  serialize(value: unknown): string | Uint8Array;
  /** Makes the value again of what `serialize` made. Whatever it throws becomes the failure of that one task. */
  deserialize(data: Uint8Array): unknown;
}

/** Values nested deeper than this are refused; for JSON a value that holds itself is found by it too. */
export const deepest = 1000;
/** Paths and names in messages are cut to this many steps and characters. */
const longestPath = 20;
const longestName = 100;

const decoder = new TextDecoder();

/**
 * The default serializer: JSON. What JSON would change in silence, like a `Date`, a `BigInt`, a `Map`, `NaN` or an
 * instance of a class, is refused with an error that names its path. `undefined` properties are dropped, as JSON does.
 */
export const jsonSerializer: Serializer = {
  serialize(value) {
    if (typeof value === "string" || typeof value === "boolean") return JSON.stringify(value);
    const walk = new Walk();
    walk.start(value);
    return walk.hasNegativeZero ? stringifyNegativeZeros(value) : JSON.stringify(value);
  },
  deserialize: (data) => JSON.parse(decoder.decode(data)),
};

/** A value that a serializer does not take. */
export class UnserialisableError extends TypeError {
  override name = "UnserialisableError";
  /** What does not take it. */
  readonly format: string;
  /** The kind of the value. */
  readonly what: string;
  /** The way to it, like `[".a", "[0]", ".when"]`. */
  readonly path: readonly string[];

  constructor(format: string, what: string, path: readonly (string | number)[]) {
    const steps = path.slice(0, longestPath).map(show);
    if (path.length > longestPath) steps.push("…");
    super(`${format} cannot hold ${what} at ${steps.join("") || "the top"}`);
    this.format = format;
    this.what = what;
    this.path = steps;
  }
}

/** The kind of a value, never what is in it. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null) return "an object without a prototype";
  const name = prototype.constructor?.name || "object";
  return `${/^[AEIO]/i.test(name) ? "an" : "a"} ${name}`;
}

/** A step of a path as it is shown: `.when`, `["due date"]`, `[0]`. */
function show(step: string | number): string {
  if (typeof step === "number") return `[${step}]`;
  const name = step.length > longestName ? `${step.slice(0, longestName)}…` : step;
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/** Whether an object is plain, of another realm too: there the prototype is another, but has none itself either. */
export function isPlain(object: object): boolean {
  const prototype = Object.getPrototypeOf(object);
  if (prototype === Object.prototype) return true;
  return prototype !== null && Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}

/** What JSON takes: one without a prototype too, as parsers make them, though it comes back with one. */
function isTaken(object: object): boolean {
  if (Array.isArray(object)) return isPlainArray(object);
  return isPlain(object) || Object.getPrototypeOf(object) === null;
}

/** Whether an array is of no class of its own: only the prototype of arrays, of any realm, is an array itself. */
export function isPlainArray(array: readonly unknown[]): boolean {
  const prototype = Object.getPrototypeOf(array);
  return prototype === Array.prototype || Array.isArray(prototype);
}

/** Whether a property of the object goes by a symbol, and would be seen by whoever lists them. */
export function hasSymbols(object: object): boolean {
  const symbols = Object.getOwnPropertySymbols(object);
  return symbols.length > 0 && symbols.some((symbol) => Object.prototype.propertyIsEnumerable.call(object, symbol));
}

/** Walks a value, refuses what JSON would change, and notes what it needs help with. */
class Walk {
  hasNegativeZero = false;
  /** The way to where the walk is: names and indices. */
  readonly #path: (string | number)[] = [];
  #depth = 0;

  start(value: unknown): void {
    try {
      this.#element(value);
    } catch (thrown) {
      // A getter or a proxy may throw whatever it likes. Its message may quote what nobody else should read.
      throw thrown instanceof UnserialisableError ? thrown : this.#refusal("what throws when it is read");
    }
  }

  /** Something that must be there: in an array JSON would make `null` of `undefined`. */
  #element(value: unknown): void {
    if (value === undefined) throw this.#refusal("undefined");
    this.#value(value);
  }

  #value(value: unknown): void {
    switch (typeof value) {
      case "string":
      case "boolean":
      case "undefined":
        return;
      case "number":
        if (!Number.isFinite(value)) throw this.#refusal(String(value));
        if (value === 0 && Object.is(value, -0)) this.hasNegativeZero = true;
        return;
      case "object":
        if (value !== null) this.#object(value);
        return;
      default:
        throw this.#refusal(describe(value));
    }
  }

  #object(object: object): void {
    if (this.#depth > deepest) {
      throw this.#refusal(`a value that is nested over ${deepest} levels, or in itself`);
    }
    if (!isTaken(object)) throw this.#refusal(describe(object));
    if (typeof (object as { toJSON?: unknown }).toJSON === "function") throw this.#refusal("a toJSON of its own");
    if (hasSymbols(object)) throw this.#refusal("properties named by symbols");
    if (Array.isArray(object)) this.#array(object);
    else this.#properties(object as Record<string, unknown>);
  }

  #array(array: readonly unknown[]): void {
    const depth = this.#depth++;
    for (let i = 0; i < array.length; i++) {
      this.#path[depth] = i;
      this.#element(array[i]);
    }
    this.#depth = depth;
    // Nothing is missing, so what is more than the elements is beside them.
    if (Object.keys(array).length > array.length) throw this.#refusal("an array with properties beside its elements");
  }

  #properties(object: Record<string, unknown>): void {
    const depth = this.#depth++;
    for (const key in object) {
      if (!Object.hasOwn(object, key)) continue;
      this.#path[depth] = key;
      this.#value(object[key]);
    }
    this.#depth = depth;
  }

  #refusal(what: string): UnserialisableError {
    return new UnserialisableError("JSON", what, this.#path.slice(0, this.#depth));
  }
}

/** What a zero is called until its sign can be written. Nobody learns it, so no text of a value can be the same. */
let placeholder = "";

/** Makes JSON with `-0` in it, which `JSON.parse` reads and `JSON.stringify` does not write. */
function stringifyNegativeZeros(value: unknown): string {
  placeholder ||= crypto.randomUUID();
  const text = JSON.stringify(value, (_key, item) => Object.is(item, -0) ? placeholder : item);
  return text.replaceAll(`"${placeholder}"`, "-0");
}
