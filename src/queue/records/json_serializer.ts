import { isInstance } from "../../base/is_instance.ts";
import type { Serializer } from "./serializer.ts";
import { maxDepth, UnserialisableError } from "./unserialisable_error.ts";
import { hasSymbolKeys, isPlainArray, isPlainObject, kindOf } from "./value_kind.ts";

const decoder = new TextDecoder();

/**
 * The default serializer: JSON. It refuses values that JSON would silently change, such as a `Date`, a `BigInt`, a
 * `Map`, `NaN` or an instance of a class, with an error that shows their path. It drops properties that are
 * `undefined`, as JSON does.
 *
 * @example Compress the JSON
 * ```ts
 * import { gunzipSync, gzipSync } from "node:zlib";
 * import { jsonSerializer, type Serializer, Worker } from "@q/streaq";
 *
 * const compressed: Serializer = {
 *   serialize: (value) => gzipSync(jsonSerializer.serialize(value)),
 *   deserialize: (data) => jsonSerializer.deserialize(gunzipSync(data, { maxOutputLength: 16_777_216 })),
 * };
 * const worker = new Worker({ serializer: compressed });
 * ```
 */
export const jsonSerializer: Serializer = {
  serialize(value) {
    if (typeof value === "string" || typeof value === "boolean") return JSON.stringify(value);
    const inspection = new Inspection();
    inspection.inspect(value);
    return inspection.hasNegativeZero ? stringifyNegativeZeros(value) : JSON.stringify(value);
  },
  deserialize: (data) => JSON.parse(decoder.decode(data)),
};

/** Walks through a value: refuses parts that JSON would change, and notes whether it contains `-0`. */
class Inspection {
  hasNegativeZero = false;
  /** The path to the current value: names and indices. */
  readonly #path: (string | number)[] = [];
  #depth = 0;

  inspect(value: unknown): void {
    try {
      this.#element(value);
    } catch (thrown) {
      // A getter or a proxy may throw anything. The message may quote the payload.
      throw isInstance(thrown, UnserialisableError) ? thrown : this.#refusal("a value that throws when it is read");
    }
  }

  /** Inspects a value that may not be `undefined`: in an array, JSON would turn that into `null`. */
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
        throw this.#refusal(kindOf(value));
    }
  }

  #object(object: object): void {
    if (this.#depth > maxDepth) throw this.#refusal(`a value nested over ${maxDepth} levels or in itself`);
    if (!isJsonObject(object)) throw this.#refusal(kindOf(object));
    if (typeof (object as { toJSON?: unknown }).toJSON === "function") {
      throw this.#refusal("an object with a toJSON method");
    }
    if (hasSymbolKeys(object)) throw this.#refusal("an object with symbol keys");
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
    // No element is missing, so additional keys are named properties.
    if (Object.keys(array).length > array.length) throw this.#refusal("an array with named properties");
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

/** Also accepts an object without a prototype, as parsers create them, although it comes back with one. */
function isJsonObject(object: object): boolean {
  if (Array.isArray(object)) return isPlainArray(object);
  return isPlainObject(object) || Object.getPrototypeOf(object) === null;
}

/** Stands for `-0` in the text. It is random and stays in this module, so no string of a value can equal it. */
let placeholder = "";

/** Writes `-0`, which `JSON.parse` reads and `JSON.stringify` does not write. */
function stringifyNegativeZeros(value: unknown): string {
  placeholder ||= crypto.randomUUID();
  const text = JSON.stringify(value, (_key, item) => Object.is(item, -0) ? placeholder : item);
  return text.replaceAll(`"${placeholder}"`, "-0");
}
