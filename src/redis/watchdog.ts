import type { Clock, Timer } from "../base/clock.ts";

/** The connection of a {@linkcode Watchdog}. */
export interface WatchedConnection {
  /** Whether a loss must be noticed within seconds, because a caller waits for messages. */
  isUrgent(): boolean;
  /** Number of commands that have no reply yet. */
  inFlight(): number;
  /** How long the next reply may take beyond `silenceTimeout`, because its command blocks; in milliseconds. */
  blockingTime(): number;
  /** Sends a `PING`. */
  ping(): void;
  /** Called when the server has sent nothing for too long, in milliseconds, although a command is in flight. */
  onSilence(ms: number): void;
}

/** Intervals and timeout of a {@linkcode Watchdog}, in milliseconds. */
export interface WatchdogOptions {
  readonly pingInterval: number;
  readonly idlePingInterval: number;
  readonly silenceTimeout: number;
}

/**
 * Detects that the server of a connection is gone although the socket is still open: a command is in flight, and no
 * byte has arrived for `silenceTimeout`.
 *
 * A connection without a command in flight is pinged when it has been silent for a while. Otherwise no ping is needed:
 * the reply of the command, or the bytes that arrive, show that the server is alive.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #options: WatchdogOptions;
  readonly #connection: WatchedConnection;
  #timer: Timer | undefined;
  /** When the last byte arrived. */
  #lastByte = 0;
  /** Since when a command has been in flight. */
  #waitingSince = 0;

  constructor(clock: Clock, options: WatchdogOptions, connection: WatchedConnection) {
    this.#clock = clock;
    this.#options = options;
    this.#connection = connection;
  }

  /** Starts to watch. */
  start(): void {
    this.#lastByte = this.#waitingSince = this.#clock.monotonic();
    this.#timer = this.#schedule(this.#options.pingInterval);
  }

  /** Notes that bytes have arrived. */
  received(): void {
    this.#lastByte = this.#clock.monotonic();
  }

  /** Notes that a command was sent while none was in flight. */
  sent(): void {
    this.#waitingSince = this.#clock.monotonic();
  }

  /** Stops for good. */
  stop(): void {
    this.#timer?.cancel();
  }

  #schedule(ms: number): Timer {
    // A check at least every `pingInterval` notices in time that the connection has become urgent.
    return this.#clock.timer(Math.min(ms, this.#options.pingInterval), () => this.#check(), { ref: false });
  }

  #check({ hasReadSocket = false } = {}): void {
    const { pingInterval, idlePingInterval, silenceTimeout } = this.#options;
    const connection = this.#connection;
    const now = this.#clock.monotonic();
    let wait: number;
    if (connection.inFlight() > 0) {
      const silence = now - Math.max(this.#lastByte, this.#waitingSince);
      wait = silenceTimeout + connection.blockingTime() - silence;
      if (wait <= 0 && hasReadSocket) return connection.onSilence(Math.round(silence));
      if (wait <= 0) {
        // The process may have been busy or suspended while bytes arrived at the socket: they are read first.
        const handle = setImmediate(() => this.#check({ hasReadSocket: true }));
        this.#timer = { cancel: () => clearImmediate(handle) };
        return;
      }
    } else {
      const interval = connection.isUrgent() ? pingInterval : idlePingInterval;
      wait = this.#lastByte + interval - now;
      if (wait <= 0) {
        connection.ping();
        // On an urgent connection, the silence before the ping counts, but not from before it became urgent.
        this.#waitingSince = connection.isUrgent() ? Math.max(this.#lastByte, now - pingInterval) : now;
        wait = silenceTimeout - (now - this.#waitingSince);
      }
    }
    this.#timer = this.#schedule(wait);
  }
}
