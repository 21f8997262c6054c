/** The operator `instanceof`, for a value that may be anything that user code threw: it fails for a revoked proxy. */
export function isInstance<T>(thrown: unknown, type: abstract new (...args: never[]) => T): thrown is T {
  try {
    return thrown instanceof type;
  } catch {
    return false;
  }
}
