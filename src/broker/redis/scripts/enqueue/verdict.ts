/** What the caller has read of the results of dependencies, by id: whether each has succeeded. */
export type Verdicts = ReadonlyMap<string, boolean>;

/** A verdict as scripts take it. */
export function showVerdict(verdicts: Verdicts, id: string): string {
  const verdict = verdicts.get(id);
  return verdict === undefined ? "" : verdict ? "1" : "0";
}
