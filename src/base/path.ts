/** Steps of a path, and characters of a step, that are shown at most. */
const maxSteps = 20;
const maxStepLength = 100;

/**
 * Formats the steps of a path into a value: `.when`, `["due date"]`, `[0]`. Of a key that is an object only its kind is
 * shown, as it may be what the path leads into.
 */
export function showPath(path: readonly unknown[]): string[] {
  const steps = path.slice(0, maxSteps).map(showStep);
  if (path.length > maxSteps) steps.push("…");
  return steps;
}

function showStep(step: unknown): string {
  if (typeof step === "symbol") return `[${shorten(String(step))}]`;
  if (typeof step === "number") return `[${step}]`;
  if (typeof step !== "string") return `[${typeof step}]`;
  const name = shorten(step);
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

function shorten(name: string): string {
  return name.length > maxStepLength ? `${name.slice(0, maxStepLength)}…` : name;
}
