import { Buffer } from "node:buffer";
import { Decoder, type DecoderLimits, type ReplySink } from "../../src/resp/decoder.ts";
import type { Reply } from "../../src/resp/reply.ts";
import { showReply } from "./show_reply.ts";

/** A sink that writes down what it is asked and given. */
export class Recorder implements ReplySink {
  /** What came, in order. */
  readonly values: Reply[] = [];
  /** How often it was asked. */
  asked = 0;
  readonly #binary: boolean;
  readonly #pushes = new Set<Reply>();

  constructor(binary = false) {
    this.#binary = binary;
  }

  binary(): boolean {
    this.asked++;
    return this.#binary;
  }

  reply(value: Reply): void {
    this.values.push(value);
  }

  push(message: Reply[]): void {
    this.values.push(message);
    this.#pushes.add(message);
  }

  /** What came, in order, as text; a push begins with `push `. */
  get shown(): string[] {
    return this.values.map((value) => `${this.#pushes.has(value) ? "push " : ""}${showReply(value)}`);
  }
}

/** How to decode in a test. */
export interface DecodeOptions {
  readonly binary?: boolean;
  /** The lengths of the chunks, used in turn. Without, there is one chunk. */
  readonly chunks?: readonly number[];
  readonly limits?: DecoderLimits;
}

/** What came of it. */
export interface Decoded {
  readonly shown: readonly string[];
  readonly values: readonly Reply[];
  readonly asked: number;
  readonly idle: boolean;
  readonly error: unknown;
}

/**
 * Decodes bytes the way that they come from a socket: each chunk lies somewhere in memory that is used again as soon as
 * the decoder returns.
 */
export function decode(wire: string | Uint8Array, options: DecodeOptions = {}): Decoded {
  const bytes = typeof wire === "string" ? Buffer.from(wire, "latin1") : wire;
  const { chunks = [Math.max(1, bytes.length)], limits } = options;
  const recorder = new Recorder(options.binary);
  const decoder = new Decoder(recorder, limits);
  const memory = Buffer.alloc(Math.max(...chunks) + 3);
  let error: unknown = undefined;
  try {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const length = Math.min(chunks[turn % chunks.length]!, bytes.length - at);
      memory.set(bytes.subarray(at, at + length), 3);
      decoder.push(memory.subarray(3, 3 + length));
      memory.fill("*");
      at += length;
    }
  } catch (thrown) {
    error = thrown;
  }
  const { values, asked } = recorder;
  return {
    values,
    asked,
    idle: decoder.idle,
    error,
    get shown(): string[] {
      return recorder.shown;
    },
  };
}
