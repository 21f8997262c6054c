/**
 * The next turn of the event loop, in which a queue answers all calls. Immediate answers would let a caller that calls
 * again and again starve timers and sockets, which a server cannot do.
 */
export class NextTurn {
  #next: Promise<void> | undefined;

  /** Resolves in the next turn. */
  next(): Promise<void> {
    return this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#next = undefined;
        resolve();
      });
    });
  }

  /** Resolves to `value` in the next turn. */
  async answer<T>(value: T): Promise<T> {
    await this.next();
    return value;
  }
}
