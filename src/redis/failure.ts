import { ReplyError } from "../resp/errors.ts";
import { ConnectionError } from "./errors.ts";

/**
 * What to do about an error:
 *
 * - `retry`: it passes by itself, here or on another server.
 * - `reload`: the server does not know the script (any more).
 * - `regroup`: the stream or its consumer group is gone.
 * - `full`: the server is out of memory; what frees memory still works.
 * - `refused`: the credentials are wrong, or do not allow it.
 * - `fail`: the same again would fail again.
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

/** Redis 6.2 puts what a command in a script failed with behind `ERR Error running script (call to f_...): `. */
const wrapped = /^ERR Error (?:running|compiling) script .*?@\w+: ?\d+: (?:@\w+: ?\d+: )?-?([A-Z]{2,})\b/s;

/** What to do about an error of a command. */
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

/** The error code of a reply; of an error raised inside a script the code of that one, also as Redis 6.2 wraps it. */
export function codeOf(error: ReplyError): string {
  if (error.code !== "ERR") return error.code;
  return wrapped.exec(error.message)?.[1] ?? error.code;
}
