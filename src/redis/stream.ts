import { onAbort } from "../base/abort.ts";
import { type Deferred, deferred } from "../base/async.ts";
import type { OptionNames } from "../base/known_options.ts";
import { Fifo } from "../base/fifo.ts";
import { SlowConsumerError } from "./errors.ts";

/** Options of an iteration over messages. */
export interface StreamOptions {
  /** When it is aborted, the iteration rejects with its reason. */
  signal?: AbortSignal | undefined;
  /**
   * Maximum number of messages that are buffered until the iteration takes them. When there are more, it rejects with a
   * {@linkcode SlowConsumerError}.
   *
   * @default {10_000}
   */
  buffer?: number | undefined;
}

/** All names of {@linkcode StreamOptions}. */
export const streamOptionNames: OptionNames<StreamOptions> = { signal: true, buffer: true };

/** The error that has ended a stream. */
export interface Failure {
  readonly reason: unknown;
}

/**
 * An async iterator over values that a source pushes. Values wait in a buffer for the consumer, or calls of `next()`
 * wait for values.
 *
 * A stream is `open` until its consumer returns, its signal is aborted, its source ends it, or the buffer is full; then
 * it is `ended`. Buffered values can still be taken, except after an abort. After them, `next()` rejects once with the
 * error, if there is one.
 */
export class BoundedStream<T> implements AsyncIterableIterator<T> {
  readonly #limit: number;
  readonly #removeCallback: (() => void) | undefined;
  readonly #ended: () => void;
  readonly #values = new Fifo<{ readonly value: T }>();
  readonly #takers = new Fifo<Deferred<IteratorResult<T, undefined>>>();
  #state: "open" | "ended" = "open";
  #failure: Failure | undefined;

  /**
   * Opens a stream.
   *
   * @param ended Called once, when the stream has ended.
   * @throws {RangeError} If `buffer` is not a positive integer.
   */
  constructor({ signal, buffer = 10_000 }: StreamOptions, ended: () => void) {
    if (!Number.isSafeInteger(buffer) || buffer < 1) {
      throw new RangeError(`Cannot use option "buffer": expected an integer >= 1, got ${buffer}`);
    }
    this.#limit = buffer;
    this.#ended = ended;
    this.#removeCallback = signal && onAbort(signal, () => this.#abort(signal.reason));
  }

  /** Whether the stream accepts values. */
  get open(): boolean {
    return this.#state === "open";
  }

  /** Adds a value. */
  push(value: T): void {
    if (!this.open) return;
    const taker = this.#takers.shift();
    if (taker) return taker.resolve({ value, done: false });
    if (this.#values.size < this.#limit) return this.#values.push({ value });
    this.end({
      reason: new SlowConsumerError(
        `Messages arrived faster than they were taken: the buffer of ${this.#limit} messages is full`,
      ),
    });
  }

  /** Ends the stream, with an error if one is given. */
  end(failure?: Failure): void {
    if (!this.open) return;
    this.#state = "ended";
    this.#removeCallback?.();
    this.#failure = failure;
    for (const taker of this.#takers.drain()) this.next().then(taker.resolve, taker.reject);
    this.#ended();
  }

  /** Resolves to the next value. */
  next(): Promise<IteratorResult<T, undefined>> {
    const item = this.#values.shift();
    if (item) return Promise.resolve({ value: item.value, done: false });
    if (this.open) {
      const taker = deferred<IteratorResult<T, undefined>>();
      this.#takers.push(taker);
      return taker.promise;
    }
    const failure = this.#failure;
    this.#failure = undefined;
    return failure ? Promise.reject(failure.reason) : Promise.resolve({ value: undefined, done: true });
  }

  /** Ends the stream and drops the buffered values. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#values.drain();
    this.end();
    this.#failure = undefined;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #abort(reason: unknown): void {
    this.#values.drain();
    this.end({ reason });
  }
}
