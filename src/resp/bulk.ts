import { BinaryBody, type Body, TextBody } from "./body.ts";
import type { Input } from "./input.ts";
import { BULK_ERROR, COLON, CR, LF, VERBATIM_STRING } from "./bytes.ts";

/** Length of the format at the start of a verbatim string, such as `txt:`. */
export const FORMAT_BYTES = 4;

/** Estimated size of a string whose size is not announced. */
const STREAMED_BYTES = 16 * 1024;

/** A string that is not complete yet: a chunk ended in the middle of it, or it is streamed in parts. */
export class Bulk {
  /** Type byte of the string. */
  readonly type: number;
  /** Whether the string is sent in parts, the last of which is empty. */
  readonly streamed: boolean;

  readonly #body: Body;
  /** Number of bytes announced so far. */
  #size = 0;
  /** How many of them, with the CRLF after them, have not arrived. */
  #missing = 0;
  /** How many bytes of the format have not arrived. */
  #format: number;

  /**
   * Starts a string.
   *
   * @param type Type byte of the string.
   * @param size Announced size, or `undefined` if the string is streamed.
   * @param binary Whether to return bytes instead of text.
   */
  constructor(type: number, size: number | undefined, binary: boolean) {
    this.type = type;
    this.streamed = size === undefined;
    this.#format = type === VERBATIM_STRING ? FORMAT_BYTES : 0;
    const expected = size === undefined ? STREAMED_BYTES : size - this.#format;
    this.#body = binary && type !== BULK_ERROR ? new BinaryBody(expected) : new TextBody(expected);
    if (size !== undefined) this.expect(size);
  }

  /** Number of bytes announced so far. */
  get size(): number {
    return this.#size;
  }

  /** Whether all bytes announced so far have arrived. */
  get complete(): boolean {
    return this.#missing === 0;
  }

  /** Announces `size` more bytes, followed by CRLF. */
  expect(size: number): void {
    this.#size += size;
    this.#missing = size + 2;
  }

  /** Reads as many of the announced bytes, and the CRLF after them, as the input has. */
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

  /** Returns the string, once it is complete. */
  finish(): string | Uint8Array {
    return this.#body.finish();
  }

  #skipFormat(input: Input, stop: number): void {
    while (this.#format > 0 && input.at < stop) {
      this.#format--;
      if (this.#format === 0 && input.bytes[input.at] !== COLON) {
        input.fail("a colon after the format of a verbatim string", input.at);
      }
      input.at++;
    }
  }
}
