import type { Cell } from "../run/cell.ts";
import type { Subject } from "../run/subject.ts";
import type { Format } from "../report/format.ts";

/** The figures of one part of a measure in one round, by the keys of its columns. */
export type Values = Readonly<Record<string, number>>;

/** A figure in a table. */
export interface Column {
  readonly key: string;
  readonly label: string;
  readonly format: Format;
  /** Adds the lowest and the highest figure, and the ratio to the baseline. */
  readonly main?: boolean;
}

/** Some of the figures of a part, side by side. */
export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
}

/** Something that is measured of a subject: it may share the subject's processes with other parts. */
export interface Part {
  /** Its name on the command line; parts that differ in size only share it. */
  readonly name: string;
  /** Distinguishes it from the other parts of the measure. */
  readonly key: string;
  readonly tables: readonly Table[];
  run(cell: Cell, subject: Subject): Promise<Values>;
}

/** A section of the report. */
export interface Measure {
  /** Its name on the command line: selects all of its parts. */
  readonly name: string;
  readonly title: string;
  /** Describes the measure and its method, in Markdown. */
  readonly text: string;
  /** Which program its processes run. */
  readonly kind: "queue" | "client";
  readonly subjects: readonly Subject[];
  readonly parts: readonly Part[];
  /** The subject that the others are compared with, on Node. */
  readonly baseline: string;
  /** The rows of its tables: subjects, parts, or parts with a column for each subject. @default {"subjects"} */
  readonly layout?: "subjects" | "parts" | "matrix";
  /** How many rounds are enough. @default {as many as asked for} */
  readonly maxRounds?: number;
}

/** Thrown by a part for a subject that does not offer what is measured. */
export class NotOfferedError extends Error {
  override readonly name: string = "NotOfferedError";
}
