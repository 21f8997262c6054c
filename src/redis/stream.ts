import { type Deferred, deferred } from "../base/async.ts";
import { Fifo } from "../base/fifo.ts";
import { SlowConsumerError } from "./errors.ts";

/** Options of a {@linkcode BoundedStream}. */
export interface StreamOptions {
  /** Ends the stream; the iteration rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /**
   * How many messages may wait to be taken.
   *
   * @default {10_000}
   */
  buffer?: number | undefined;
}

/** Why a stream has ended, unless it simply has. */
export interface Failure {
  readonly reason: unknown;
}

/**
 * Values that come by themselves, taken one after another: values wait in a buffer for takers, or takers for values.
 *
 * It is `open` until its consumer returns, its signal is aborted, its source ends it or the buffer is full; then it is
 * `ended`. What is in the buffer can still be taken, except after an abort; behind it comes the reason, once.
 */
export class BoundedStream<T> implements AsyncIterableIterator<T> {
  readonly #limit: number;
  readonly #signal: AbortSignal | undefined;
  readonly #ended: () => void;
  readonly #values = new Fifo<{ readonly value: T }>();
  readonly #takers = new Fifo<Deferred<IteratorResult<T, undefined>>>();
  #state: "open" | "ended" = "open";
  #failure: Failure | undefined;

  /**
   * Opens a stream.
   *
   * @param ended Called once, when it has ended.
   * @throws {RangeError} When the size of the buffer is none.
   */
  constructor({ signal, buffer = 10_000 }: StreamOptions, ended: () => void) {
    if (!Number.isSafeInteger(buffer) || buffer < 1) {
      throw new RangeError(`Invalid buffer, expected a whole number from 1 on: ${buffer}`);
    }
    this.#limit = buffer;
    this.#signal = signal;
    this.#ended = ended;
    if (signal?.aborted) this.#abort();
    else signal?.addEventListener("abort", this.#abort);
  }

  /** Whether it takes values. */
  get open(): boolean {
    return this.#state === "open";
  }

  /** Adds a value. */
  push(value: T): void {
    if (!this.open) return;
    const taker = this.#takers.shift();
    if (taker) return taker.resolve({ value, done: false });
    if (this.#values.size < this.#limit) return this.#values.push({ value });
    const reason = new SlowConsumerError(
      `Messages came faster than they were taken, the buffer is full: ${this.#limit}`,
    );
    this.end({ reason });
  }

  /** Adds no more values. */
  end(failure?: Failure): void {
    if (!this.open) return;
    this.#state = "ended";
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#failure = failure;
    for (const taker of this.#takers.drain()) this.next().then(taker.resolve, taker.reject);
    this.#ended();
  }

  /** The next value. */
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

  /** Ends it, and drops what is in the buffer. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#values.drain();
    this.end();
    this.#failure = undefined;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #abort = (): void => {
    this.#values.drain();
    this.end({ reason: this.#signal?.reason });
  };
}
