/** Describes the kind of a value, like `a Date`, never its content. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null) return "an object without a prototype";
  const name = prototype.constructor?.name || "object";
  return `${/^[AEIO]/i.test(name) ? "an" : "a"} ${name}`;
}

/**
 * Whether an object is plain, also one of another realm: its prototype is a different one, but has none itself either.
 */
export function isPlainObject(object: object): boolean {
  const prototype = Object.getPrototypeOf(object);
  if (prototype === Object.prototype) return true;
  return prototype !== null && Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}

/** Whether an array is not of a subclass: in every realm, only the prototype of plain arrays is itself an array. */
export function isPlainArray(array: readonly unknown[]): boolean {
  const prototype = Object.getPrototypeOf(array);
  return prototype === Array.prototype || Array.isArray(prototype);
}

/** Whether an object has enumerable properties whose keys are symbols. */
export function hasSymbolKeys(object: object): boolean {
  const symbols = Object.getOwnPropertySymbols(object);
  return symbols.length > 0 && symbols.some((symbol) => Object.prototype.propertyIsEnumerable.call(object, symbol));
}
