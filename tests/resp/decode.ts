import { Buffer } from "node:buffer";
import { Decoder, type DecoderLimits, type ReplySink } from "../../src/resp/decoder.ts";
import type { Reply } from "../../src/resp/reply.ts";
import { showReply } from "./show_reply.ts";

/** A sink that records replies, pushes and calls. */
export class Recorder implements ReplySink {
  /** Replies and pushes, in order. */
  readonly values: Reply[] = [];
  /** Number of calls of `binary()`. */
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

  /** Replies and pushes as text, in order; a push starts with `push `. */
  get shown(): string[] {
    return this.values.map((value) => `${this.#pushes.has(value) ? "push " : ""}${showReply(value)}`);
  }
}

/** Options of {@linkcode decode}. */
export interface DecodeOptions {
  readonly binary?: boolean;
  /** Lengths of the chunks, used in turn; one chunk unless given. */
  readonly chunks?: readonly number[];
  readonly limits?: DecoderLimits;
}

/** Result of {@linkcode decode}. */
export interface Decoded {
  readonly shown: readonly string[];
  readonly values: readonly Reply[];
  readonly asked: number;
  readonly idle: boolean;
  readonly error: unknown;
}

/**
 * Decodes bytes as they come from a socket: the memory of each chunk is overwritten as soon as the decoder returns.
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
