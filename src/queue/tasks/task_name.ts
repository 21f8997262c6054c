import { StreaqError } from "../../base/errors.ts";

const maxLength = 200;

/** An action that takes the name of a task, as an error names it. */
type Action = "register" | "stub" | "enqueue";

/**
 * The name under which a function is registered: the one given, else its own.
 *
 * @throws {TypeError} When it is not a function, or a class.
 * @throws {StreaqError} When it has no name, or an invalid one.
 */
export function taskName(fn: unknown, name: string | undefined): string {
  if (typeof fn !== "function") throw new TypeError(`Cannot register task: expected a function, got ${typeof fn}`);
  if (isClass(fn)) throw new TypeError(`Cannot register task: expected a function, got class ${fn.name}`);
  const chosen = name ?? fn.name;
  if (chosen === "") {
    const expected = 'expected a named function, or a name as in task("name", fn)';
    throw new StreaqError(`Cannot register task: ${expected}, got neither`);
  }
  return checkTaskName(chosen, "register");
}

/** @throws {StreaqError} When it is not a valid name. */
export function checkTaskName(name: unknown, action: Action): string {
  if (typeof name !== "string" || name === "") {
    throw new StreaqError(`Cannot ${action} task: expected a non-empty string as its name, got ${show(name)}`);
  }
  if (!name.isWellFormed() || name.includes(":") || name.length > maxLength) {
    throw new StreaqError(
      `Cannot ${action} task: expected a name of at most ${maxLength} characters without ":", got ${show(name)}`,
    );
  }
  return name;
}

function show(name: unknown): string {
  return typeof name === "string" ? JSON.stringify(name.slice(0, 60)) : String(name);
}

/** Only `new` can call a class, so as a task it would fail on every run. */
export function isClass(fn: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(fn));
}
