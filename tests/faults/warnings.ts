import type { Lines } from "../queue/stage.ts";

/** The logged lines of the levels warn and error. */
export function warningsOf({ all }: Lines): string[] {
  return all.filter((line) => /^(warn|error) /.test(line));
}
