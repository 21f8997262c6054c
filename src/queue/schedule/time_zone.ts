/** Names that some runtimes accept although IANA has none of them, or no zone behind them. */
const foreign: ReadonlySet<string> = new Set(
  ("ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT FACTORY IET IST JST MIT NET NST PLT PNT PRT PST SST VST")
    .split(" "),
);

/** An IANA name: no offset like `+05:30`, which only some runtimes accept. */
const iana = /^(?!SystemV\/)[a-z][a-z0-9_+-]*(\/[a-z0-9_+-]+)*$/i;

/**
 * Whether a value is the name of an IANA time zone that this runtime has. All runtimes accept the same names, as far as
 * they have the same time zone data: a worker on another runtime must be able to enqueue the next occurrence.
 */
export function isTimeZone(value: unknown): value is string {
  if (typeof value !== "string" || !iana.test(value) || foreign.has(value.toUpperCase())) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: value });
    return true;
  } catch {
    return false; // An unknown zone.
  }
}
