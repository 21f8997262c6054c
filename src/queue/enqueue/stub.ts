import { StreaqError } from "../../base/errors.ts";
import { resolveTaskOptions } from "../tasks/resolve_task_options.ts";
import { checkTaskName } from "../tasks/task_name.ts";
import type { RegisteredTask } from "./registered_task.ts";
import { createRegistration, type Home } from "./registration.ts";

/**
 * Creates a task that is registered elsewhere, to enqueue only.
 *
 * @throws {StreaqError} When the name is invalid.
 */
export function createStub(home: Home, name: string): RegisteredTask<unknown[], unknown> {
  const fnName = checkTaskName(name, "stub");
  const fn = () => {
    throw new StreaqError(`Cannot call task ${fnName}: it is a stub, enqueue it instead`);
  };
  return createRegistration(home, { fnName, fn, options: resolveTaskOptions({}), cron: undefined }, {}).task;
}
