import { StreaqError } from "../../base/errors.ts";
import { needsTsx } from "./tsx.ts";

/**
 * Creates the failure of a task whose module cannot be imported in a thread.
 *
 * @param code The code of the error, if it has one.
 */
export function importError(module: string, cause: Error, code: unknown): StreaqError {
  const needsBuild = code === "ERR_UNKNOWN_FILE_EXTENSION" && needsTsx(module);
  const reason = needsBuild ? "Node before 22.18 needs it built to JavaScript, or tsx installed" : cause.message;
  return new StreaqError(`Cannot import module ${module} in a thread: ${reason}`, { cause });
}

/** Creates the failure of a task whose module does not register it in a thread. */
export function unregisteredError(module: string, fnName: string): StreaqError {
  return new StreaqError(`Cannot run task ${fnName} in a thread: module ${module} does not register it`);
}
