/**
 * The next turn of the event loop, in which all that is asked of a queue is answered. If answers came at once, whoever
 * goes on asking would keep timers and sockets waiting, as nobody can who asks a server.
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

  /** Answers in the next turn. */
  async answer<T>(value: T): Promise<T> {
    await this.next();
    return value;
  }
}
