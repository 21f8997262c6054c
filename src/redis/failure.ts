import { ReplyError } from "../resp/errors.ts";
import { ConnectionError } from "./errors.ts";

/**
 * How to react to an error:
 *
 * - `retry`: the error is transient; try again, here or on another server.
 * - `reload`: the server does not have the script in its cache; send it in full.
 * - `regroup`: the stream or its consumer group does not exist; create it.
 * - `full`: the server is out of memory; commands that free memory still work.
 * - `refused`: the credentials are wrong or lack a permission.
 * - `fail`: the same command would fail again.
 */
export type Advice = "retry" | "reload" | "regroup" | "full" | "refused" | "fail";

const advice: ReadonlyMap<string, Advice> = new Map<string, Advice>([
  ["LOADING", "retry"],
  ["BUSY", "retry"],
  ["TRYAGAIN", "retry"],
  ["CLUSTERDOWN", "retry"],
  ["MASTERDOWN", "retry"],
  ["READONLY", "retry"],
  ["UNBLOCKED", "retry"],
  ["NOREPLICAS", "retry"],
  ["MISCONF", "retry"],
  ["OOM", "full"],
  ["NOSCRIPT", "reload"],
  ["NOGROUP", "regroup"],
  ["NOAUTH", "refused"],
  ["WRONGPASS", "refused"],
  ["NOPERM", "refused"],
  ["DENIED", "refused"],
]);

/** Redis 6.2 puts the error of a command in a script after `ERR Error running script (call to f_...): `. */
const wrapped = /^ERR Error (?:running|compiling) script .*?@\w+: ?\d+: (?:@\w+: ?\d+: )?-?([A-Z]{2,})\b/s;

/** Returns how to react to the error of a command. */
export function adviceFor(error: unknown): Advice {
  if (error instanceof ConnectionError) {
    if (error.code === "CLOSED") return "fail";
    return error.code === "REFUSED" ? "refused" : "retry";
  }
  if (!(error instanceof ReplyError)) return "fail";
  const known = advice.get(codeOf(error));
  if (known) return known;
  return /^ERR max number of clients reached/.test(error.message) ? "retry" : "fail";
}

/** Whether a server has refused a write because it is a replica. */
export function isReadOnly(error: unknown): error is ReplyError {
  return error instanceof ReplyError && codeOf(error) === "READONLY";
}

/**
 * Returns the code of an error reply. If a command in a script has failed, that is the code of the command, also on
 * Redis 6.2, which wraps the error.
 */
export function codeOf(error: ReplyError): string {
  if (error.code !== "ERR") return error.code;
  return wrapped.exec(error.message)?.[1] ?? error.code;
}
