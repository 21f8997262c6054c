import { StreaqError } from "../../base/errors.ts";
import type { Request } from "./request.ts";

/** The place in a script where an error was raised, as Redis appends it. */
const inScript = / script: [0-9a-f]{40}, on @user_script:\d+\.?$/;

/** The error of a request that could not be stored. */
export function refusal({ taskId, draft }: Request<unknown>, cause: unknown): StreaqError {
  const reason = messageOf(cause).replace(inScript, "");
  return new StreaqError(`Cannot enqueue task ${draft.fnName} (id ${taskId}): ${reason}`, { cause });
}

/** The message of something that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
