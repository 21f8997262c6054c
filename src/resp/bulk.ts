import { BinaryBody, type Body, TextBody } from "./body.ts";
import type { Input } from "./input.ts";
import { BULK_ERROR, COLON, CR, LF, VERBATIM_STRING } from "./bytes.ts";

/** The format in front of a verbatim string, such as `txt:`. */
export const FORMAT_BYTES = 4;

/** A first guess at a size that is not announced. */
const STREAMED_BYTES = 16 * 1024;

/** A string of which bytes are still to come: the end of a chunk cut it, or it comes in parts. */
export class Bulk {
  /** The byte that says what the string is. */
  readonly type: number;
  /** Whether it comes in parts, of which an empty one is the last. */
  readonly streamed: boolean;

  readonly #body: Body;
  #size = 0; // all that was announced
  #missing = 0; // what of it is still to come, and the CRLF after it
  #format: number; // what of the format is still to come

  /**
   * Opens a string.
   *
   * @param type The byte that says what the string is.
   * @param size Its announced size, or `undefined` if it comes in parts.
   * @param binary Whether it becomes bytes.
   */
  constructor(type: number, size: number | undefined, binary: boolean) {
    this.type = type;
    this.streamed = size === undefined;
    this.#format = type === VERBATIM_STRING ? FORMAT_BYTES : 0;
    const expected = size === undefined ? STREAMED_BYTES : size - this.#format;
    this.#body = binary && type !== BULK_ERROR ? new BinaryBody(expected) : new TextBody(expected);
    if (size !== undefined) this.expect(size);
  }

  /** All that was announced so far, in bytes. */
  get size(): number {
    return this.#size;
  }

  /** Whether all that was announced so far has come. */
  get complete(): boolean {
    return this.#missing === 0;
  }

  /** Expects so many bytes more, and a CRLF. */
  expect(size: number): void {
    this.#size += size;
    this.#missing = size + 2;
  }

  /** Reads what of the announced bytes and their CRLF has come. */
  read(input: Input): void {
    const stop = Math.min(input.end, input.at + this.#missing - 2);
    if (stop > input.at) {
      this.#missing -= stop - input.at;
      this.#skipFormat(input, stop);
      this.#body.add(input.bytes, input.at, stop);
      input.at = stop;
    }
    while (this.#missing > 0 && this.#missing <= 2 && input.at < input.end) {
      if (input.bytes[input.at] !== (this.#missing === 2 ? CR : LF)) input.fail("CRLF after a string", input.at);
      input.at++;
      this.#missing--;
    }
  }

  /** Gives the string, once it is complete. */
  finish(): string | Uint8Array {
    return this.#body.finish();
  }

  #skipFormat(input: Input, stop: number): void {
    while (this.#format > 0 && input.at < stop) {
      this.#format--;
      if (this.#format === 0 && input.bytes[input.at] !== COLON) input.fail("a colon after a format", input.at);
      input.at++;
    }
  }
}
