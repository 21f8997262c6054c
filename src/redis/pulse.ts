import type { Clock, Timer } from "../base/clock.ts";

/** What a {@linkcode Pulse} looks at and acts on. */
export interface Patient {
  /** Whether somebody waits for what comes in. */
  atStake(): boolean;
  /** How many replies the server owes. */
  owed(): number;
  /** For how many milliseconds the server may be silent beyond the rule, because the next reply waits for an event. */
  blocks(): number;
  /** Asks for a sign of life. */
  ping(): void;
  /** Called when the server owes a reply and has been silent for too long. */
  dead(silence: number): void;
}

/** How often to look, in milliseconds. */
export interface PulseLimits {
  readonly pingInterval: number;
  readonly idlePingInterval: number;
  readonly silenceTimeout: number;
}

/**
 * Finds out that the other end of a connection is gone though the socket is still open: the server owes a reply, and
 * not a byte has come in for `silenceTimeout`. A connection that is owed nothing is asked for a reply from time to
 * time; one that is owed something or hears from the server is not, as that already tells.
 */
export class Pulse {
  readonly #clock: Clock;
  readonly #limits: PulseLimits;
  readonly #patient: Patient;
  #timer: Timer | undefined;
  /** When the last byte came in. */
  #heard = 0;
  /** Since when the server owes a reply. */
  #since = 0;

  constructor(clock: Clock, limits: PulseLimits, patient: Patient) {
    this.#clock = clock;
    this.#limits = limits;
    this.#patient = patient;
  }

  /** Begins to look. */
  start(): void {
    this.#heard = this.#since = this.#clock.monotonic();
    this.#timer = this.#next(this.#limits.pingInterval);
  }

  /** Bytes came in. */
  heard(): void {
    this.#heard = this.#clock.monotonic();
  }

  /** The server, which owed nothing, now owes a reply. */
  owes(): void {
    this.#since = this.#clock.monotonic();
  }

  /** Stops for good. */
  stop(): void {
    this.#timer?.cancel();
  }

  #next(ms: number): Timer {
    // Looking at least every `pingInterval` notices in time that something has come to be at stake.
    return this.#clock.timer(Math.min(ms, this.#limits.pingInterval), () => this.#check(false), { ref: false });
  }

  #check(sure: boolean): void {
    const { pingInterval, idlePingInterval, silenceTimeout } = this.#limits;
    const patient = this.#patient;
    const now = this.#clock.monotonic();
    let wait: number;
    if (patient.owed() > 0) {
      const silence = now - Math.max(this.#heard, this.#since);
      wait = silenceTimeout + patient.blocks() - silence;
      if (wait <= 0 && sure) return patient.dead(Math.round(silence));
      if (wait <= 0) {
        // This process may have been busy or asleep, and the bytes lie in the socket: they are read first.
        const again = setImmediate(() => this.#check(true));
        this.#timer = { cancel: () => clearImmediate(again) };
        return;
      }
    } else {
      const interval = patient.atStake() ? pingInterval : idlePingInterval;
      wait = this.#heard + interval - now;
      if (wait <= 0) {
        patient.ping();
        // Where something is at stake, the silence that led to the question counts; not that from before it was.
        this.#since = patient.atStake() ? Math.max(this.#heard, now - pingInterval) : now;
        wait = silenceTimeout - (now - this.#since);
      }
    }
    this.#timer = this.#next(wait);
  }
}
