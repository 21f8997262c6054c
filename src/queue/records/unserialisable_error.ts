/** Serializers refuse values nested deeper than this. */
export const maxDepth = 1000;
/** Steps of a path, and characters of a step, that a message shows at most. */
const maxSteps = 20;
const maxStepLength = 100;

/** A value that a serializer refuses. Its message shows the value's kind and its path, never the value. */
export class UnserialisableError extends TypeError {
  override name = "UnserialisableError";
  /** The name of the serializer's format. */
  readonly format: string;
  /** The kind of the value. */
  readonly what: string;
  /** The path to the value, like `[".a", "[0]", ".when"]`. */
  readonly path: readonly string[];

  constructor(format: string, what: string, path: readonly (string | number)[]) {
    const steps = path.slice(0, maxSteps).map(showStep);
    if (path.length > maxSteps) steps.push("…");
    super(`${format} cannot hold ${what} at ${steps.join("") || "the top"}`);
    this.format = format;
    this.what = what;
    this.path = steps;
  }
}

/** Formats a step of a path: `.when`, `["due date"]`, `[0]`. */
function showStep(step: string | number): string {
  if (typeof step === "number") return `[${step}]`;
  const name = step.length > maxStepLength ? `${step.slice(0, maxStepLength)}…` : step;
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}
