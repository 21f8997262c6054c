import type { Subject } from "./subject.ts";
import type { Values } from "../measures/measure.ts";

/** Why something has no figures: it failed, the subject does not offer it, or there was no time left. */
export interface Gap {
  readonly kind: "failed" | "not offered" | "left out";
  readonly message: string;
}

/** The outcome of one part of a measure, for one subject in one round. */
export interface Outcome {
  readonly measure: string;
  /** The key of the part. */
  readonly part: string;
  readonly subject: Subject;
  readonly round: number;
  /** Missing if there is a gap. */
  readonly values?: Values;
  /** Why there are no values. */
  readonly gap?: Gap;
  /** The foreign load while it was measured, in processors. */
  readonly foreign?: number | undefined;
}
