import { showPath } from "../../base/path.ts";

/** Serializers refuse values nested deeper than this. */
export const maxDepth = 1000;

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
    const steps = showPath(path);
    super(`${format} cannot hold ${what} at ${steps.join("") || "the top"}`);
    this.format = format;
    this.what = what;
    this.path = steps;
  }
}
