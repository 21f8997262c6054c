/** A connection that can let the process exit. */
export interface HoldingConnection {
  /** Holds the process, or lets it exit, depending on whether a command is in flight. */
  updateHold(): void;
}

/**
 * Whether the idle connections of a client keep the process alive. They do until the client is released; from then on only
 * a connection with a command in flight does.
 */
export class ProcessHold {
  readonly #connections = new Set<HoldingConnection>();
  #isReleased = false;

  /** Whether idle connections let the process exit. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Lets the process exit by itself while no command is in flight. */
  release(): void {
    this.#isReleased = true;
    for (const connection of this.#connections) connection.updateHold();
  }

  add(connection: HoldingConnection): void {
    this.#connections.add(connection);
  }

  remove(connection: HoldingConnection): void {
    this.#connections.delete(connection);
  }
}
