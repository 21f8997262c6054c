import { ReplyError } from "./errors.ts";
import type { Reply } from "./reply.ts";
import { BIG_NUMBER, BOOLEAN, DOUBLE, INTEGER, NULL, SIMPLE_ERROR } from "./bytes.ts";

const DIGITS = /^[+-]?[0-9]+$/;
const DECIMAL = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/** Description of a valid line of each type, for errors. */
export const EXPECTED: Readonly<Record<number, string>> = {
  [BIG_NUMBER]: "a big number",
  [BOOLEAN]: '"t" or "f"',
  [DOUBLE]: "a double",
  [INTEGER]: "a 64-bit integer",
  [NULL]: 'CRLF after "_"',
};

/**
 * Parses the line of a scalar.
 *
 * @param type Type byte.
 * @param line The line without its type byte and CRLF.
 * @returns The value, or `undefined` if the line is not valid for the type.
 */
export function parseScalar(type: number, line: string): Reply | undefined {
  switch (type) {
    case NULL:
      return line === "" ? null : undefined;
    case BOOLEAN:
      return line === "t" ? true : line === "f" ? false : undefined;
    case INTEGER:
      return parseInteger(line);
    case DOUBLE:
      return DECIMAL.test(line) ? Number(line) : parseSpecial(line);
    case BIG_NUMBER:
      return DIGITS.test(line) ? BigInt(line) : undefined;
    case SIMPLE_ERROR:
      return new ReplyError(line);
    default:
      return line;
  }
}

/** Parses a 64-bit integer as a number, or as a bigint if a number would not be exact. */
function parseInteger(line: string): number | bigint | undefined {
  if (!DIGITS.test(line)) return undefined;
  const value = BigInt(line);
  if (BigInt.asIntN(64, value) !== value) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function parseSpecial(line: string): number | undefined {
  switch (line.toLowerCase()) {
    case "inf":
    case "+inf":
      return Infinity;
    case "-inf":
      return -Infinity;
    case "nan":
    case "-nan": // printf of C writes some NaNs like this
      return NaN;
    default:
      return undefined;
  }
}
