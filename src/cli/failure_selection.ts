import { type Duration, parseDuration } from "../base/duration.ts";
import type { FailureFilter } from "../queue/failures/failure_filter.ts";
import { UsageError } from "./verb.ts";

/** Which failures are meant by `--task`, `--error` and `--since`. */
export interface FailureSelection {
  readonly fnName?: string;
  readonly error?: string;
  /** Failed at this time or later; or so many milliseconds ago or less. */
  readonly since?: Date | number;
}

/** The options that select failures. */
export const selectionOptions = {
  task: { type: "string" },
  error: { type: "string" },
  since: { type: "string" },
} as const;

/** The help about them. */
export const selectionHelp = `  --task NAME     failures of tasks of this name
  --error NAME    failures with an error of this name, such as TypeError
  --since TIME    failures since then: a duration such as 90s, 10m, 2h or 7d, or a date such as 2026-11-28 or
                  2026-11-28T09:30Z
`;

/** @throws {UsageError} If a value is invalid. */
export function parseSelection(
  { task, error, since }: { [name in keyof typeof selectionOptions]?: string | undefined },
): FailureSelection {
  return {
    ...notEmpty("task", task) !== undefined && { fnName: task },
    ...notEmpty("error", error) !== undefined && { error },
    ...since !== undefined && { since: parseSince(since) },
  };
}

/** Whether it selects anything, instead of all. */
export function isSelective(selection: FailureSelection): boolean {
  return Object.keys(selection).length > 0;
}

/** @param now The time of the server, which notes when a task failed. */
export function filterOf({ since, ...filter }: FailureSelection, now: number): FailureFilter {
  return since === undefined ? filter : { ...filter, after: typeof since === "number" ? new Date(now - since) : since };
}

function notEmpty(option: string, value: string | undefined): string | undefined {
  if (value !== "") return value;
  throw new UsageError(`Cannot use option --${option}: expected a name, got an empty one`);
}

const isoDate = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

function parseSince(text: string): Date | number {
  const date = isoDate.test(text) ? new Date(text) : undefined;
  if (date && Number.isFinite(date.getTime())) return date;
  try {
    return parseDuration(text as Duration, "use option --since");
  } catch (cause) {
    const expected = "expected a duration such as 2h or a date such as 2026-11-28T09:30Z";
    throw new UsageError(`Cannot use option --since: ${expected}, got ${text}`, { cause });
  }
}
