/** @throws {RangeError} When a limit is not an integer from 1 to `max`. */
export function checkLimit(limit: number, max: number): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= max) return limit;
  throw new RangeError(`Cannot use option "limit": expected an integer from 1 to ${max}, got ${limit}`);
}
