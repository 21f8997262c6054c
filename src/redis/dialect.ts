import { ProtocolError } from "../resp/errors.ts";
import { TimeoutError } from "../base/errors.ts";
import { ConnectionError } from "./errors.ts";

/**
 * How a connection greets its server:
 *
 * - `full`: with `HELLO`, or the commands of RESP2 that replace it.
 * - `probe`: the same, after a `PING` whose reply shows that the server is up.
 * - `bare`: with `AUTH`, `SELECT` and `PING` only, in RESP2.
 */
export type Manner = "full" | "probe" | "bare";

/** How far a greeting has come: to the `PING` of a `probe`, the greeting proper, or the selection of the database. */
export type Step = "probe" | "greeting" | "selection";

/**
 * The manner in which the connections of a client greet the server, which each attempt to connect may change.
 *
 * A proxy such as twemproxy closes the connection when it does not support a command. A server that goes down, or a load
 * balancer without a server, does so at any command. To distinguish the two, the attempt after such a greeting is a
 * `probe`. Only if the server answers its `PING` and then closes the connection is the next one `bare`,
 * and all further ones for as long as that succeeds.
 */
export class Dialect {
  #manner: Manner = "full";

  /** The manner of the next attempt. */
  get manner(): Manner {
    return this.#manner;
  }

  /** Notes that a greeting has succeeded. */
  succeeded(manner: Manner): void {
    this.#manner = manner === "bare" ? "bare" : "full";
  }

  /** Notes that a greeting has failed in one of its steps. */
  failed(manner: Manner, step: Step, error: unknown): void {
    const hasHungUp = step === "greeting" && isHangUp(error);
    if (hasHungUp && manner === "full") this.#manner = "probe";
    else if (hasHungUp && manner === "probe") this.#manner = "bare";
    else this.#manner = "full";
  }
}

/** Whether a command has failed because the server closed the connection. */
function isHangUp(error: unknown): boolean {
  if (!(error instanceof ConnectionError) || error.code !== "LOST") return false;
  return !(error.cause instanceof TimeoutError || error.cause instanceof ProtocolError);
}
