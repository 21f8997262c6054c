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

/** Values nested deeper than this are refused; a value that holds itself is found by it too. */
const deepest = 1000;

const decoder = new TextDecoder();

/**
 * The default serializer: JSON. What JSON would change in silence, like a `Date`, a `BigInt`, a `Map` or `NaN`, is
 * refused with an error that names its path. `undefined` properties are dropped, as JSON does.
 */
export const jsonSerializer: Serializer = {
  serialize(value) {
    if (typeof value === "object") refuse(value);
    const text = JSON.stringify(value);
    if (text === undefined) throw new UnserialisableError(describe(value), []);
    return text;
  },
  deserialize: (data) => JSON.parse(decoder.decode(data)),
};

/** A value that a serializer does not take. */
export class UnserialisableError extends TypeError {
  override name = "UnserialisableError";
  /** The kind of the value. */
  readonly what: string;
  /** The way to it, like `[".a", "[0]", ".when"]`. */
  readonly path: readonly string[];

  constructor(what: string, path: readonly string[]) {
    super(`JSON cannot hold ${what} at ${path.join("") || "the top"}`);
    this.what = what;
    this.path = path;
  }
}

function refuse(value: object | null): void {
  const found = search(value, 0);
  if (found) throw new UnserialisableError(found.what, found.path.reverse());
}

/** What is wrong, and where, innermost step first. */
interface Finding {
  readonly what: string;
  readonly path: string[];
}

function search(value: unknown, depth: number): Finding | null {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return null;
    case "number":
      return Number.isFinite(value) ? null : { what: String(value), path: [] };
    case "object":
      break;
    default:
      return { what: describe(value), path: [] };
  }
  if (value === null) return null;
  if (depth === deepest) return { what: `a value that is nested over ${deepest} levels, or in itself`, path: [] };
  if (Array.isArray(value)) return searchArray(value, depth);
  if (isLossy(value)) return { what: describe(value), path: [] };
  // The value's own conversion is its author's decision.
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return null;
  return searchProperties(value, depth);
}

function searchArray(array: readonly unknown[], depth: number): Finding | null {
  for (let i = 0; i < array.length; i++) {
    const item = array[i];
    const found = item === undefined ? { what: "undefined", path: [] } : search(item, depth + 1);
    if (found) {
      found.path.push(`[${i}]`);
      return found;
    }
  }
  return null;
}

function searchProperties(object: object, depth: number): Finding | null {
  for (const key in object) {
    if (!Object.hasOwn(object, key)) continue;
    const found = search((object as Record<string, unknown>)[key], depth + 1);
    if (found) {
      found.path.push(`.${key}`);
      return found;
    }
  }
  return null;
}

/** Whether JSON would make something else of the object, text or `{}`. */
function isLossy(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return false;
  return value instanceof Date || value instanceof Map || value instanceof Set || value instanceof Error ||
    value instanceof RegExp || value instanceof Promise || value instanceof ArrayBuffer || ArrayBuffer.isView(value) ||
    value instanceof WeakMap || value instanceof WeakSet;
}

/** The kind of a value, never what is in it. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  return `a ${Object.getPrototypeOf(value)?.constructor?.name ?? "object"}`;
}
