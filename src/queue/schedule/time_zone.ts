/** Names that some runtimes accept although IANA has none of them, or no zone behind them. */
const foreign: ReadonlySet<string> = new Set(
  ("ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT FACTORY IET IST JST MIT NET NST PLT PNT PRT PST SST VST")
    .split(" "),
);

/** An IANA name: no offset like `+05:30`, which only some runtimes accept. */
const iana = /^(?!SystemV\/)[a-z][a-z0-9_+-]*(\/[a-z0-9_+-]+)*$/i;

/**
 * Checks the name of a time zone. All runtimes accept the same ones, as far as they have the same time zone data:
 * a worker on another runtime must be able to enqueue what follows.
 *
 * @throws {RangeError} When it is not an IANA time zone that this runtime knows.
 */
export function checkTimeZone(timeZone: unknown): string {
  if (typeof timeZone !== "string") throw refusal(String(timeZone));
  if (!iana.test(timeZone) || foreign.has(timeZone.toUpperCase())) throw refusal(JSON.stringify(timeZone.slice(0, 60)));
  try {
    new Intl.DateTimeFormat("en", { timeZone });
    return timeZone;
  } catch (cause) {
    throw refusal(timeZone, { cause });
  }
}

function refusal(shown: string, options?: { cause: unknown }): RangeError {
  return new RangeError(`expected an IANA time zone, got ${shown}`, options);
}
