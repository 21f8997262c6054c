import type { Measure, Part } from "../measures/measure.ts";
import type { Gap, Outcome } from "../run/outcome.ts";
import type { Subject } from "../run/subject.ts";
import { median } from "./statistics.ts";

/** One figure over all rounds. */
export interface Figure {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** The figures of all rounds. */
export class Findings {
  readonly #outcomes: readonly Outcome[];

  constructor(outcomes: readonly Outcome[]) {
    this.#outcomes = outcomes;
  }

  /** Returns the outcomes of one part for one subject. */
  of(measure: Measure, part: Part, subject: Subject): readonly Outcome[] {
    return this.#outcomes.filter((outcome) => {
      return outcome.measure === measure.name && outcome.part === part.key &&
        outcome.subject.name === subject.name && outcome.subject.runtime === subject.runtime;
    });
  }

  /** Returns the figure of one column, or `undefined` if no round has found it. */
  figure(measure: Measure, part: Part, subject: Subject, column: string): Figure | undefined {
    const values = this.of(measure, part, subject)
      .map((outcome) => outcome.values?.[column])
      .filter((value): value is number => value !== undefined && !Number.isNaN(value));
    if (values.length === 0) return;
    return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
  }

  /** Returns the foreign load of each outcome. */
  foreign(outcomes: readonly Outcome[] = this.#outcomes): number[] {
    return outcomes.map(({ foreign }) => foreign).filter((load): load is number =>
      load !== undefined && !Number.isNaN(load)
    );
  }

  /** Returns the outcomes with a gap of this kind. */
  gaps(kind: Gap["kind"]): readonly Outcome[] {
    return this.#outcomes.filter(({ gap }) => gap?.kind === kind);
  }
}
