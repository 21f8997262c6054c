import type { FailureRecord } from "../records/failure.ts";

/** Formats an error with its stack and its causes, for the log: all lines but the first are indented. */
export function showFailure(first: FailureRecord): string {
  const shown: string[] = [];
  for (let failure: FailureRecord | undefined = first; failure; failure = failure.cause) shown.push(showOne(failure));
  return joinCauses(shown);
}

/** Joins messages, of which each is the reason for the one before. */
export function joinCauses(messages: readonly string[]): string {
  return messages.join("\nCaused by ").replaceAll(/\n(?![ \t])/g, "\n  ");
}

/** Formats an error with its stack down to where the task began; what lies below is the same for every task. */
function showOne({ name, message, stack }: FailureRecord): string {
  const lines = (stack ?? `${name}: ${message}`).split("\n");
  const end = lines.findIndex((line) =>
    /^\s+at (?:async )?(?:runInScope|AsyncLocalStorage|AsyncResource|Executor\.|UniqueLocks\.|#call\b)/.test(line)
  );
  return lines.slice(0, end === -1 ? undefined : end).join("\n");
}
