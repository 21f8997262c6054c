/** Whether finished dependencies have succeeded, by id, as the caller has read from their results. */
export type Verdicts = ReadonlyMap<string, boolean>;

/** A verdict for scripts: `1` for a success, `0` for a failure, nothing when the result was not read. */
export function encodeVerdict(verdicts: Verdicts, id: string): string {
  const verdict = verdicts.get(id);
  return verdict === undefined ? "" : verdict ? "1" : "0";
}
