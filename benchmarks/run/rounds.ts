import { type Measure, NotOfferedError, type Part } from "../measures/measure.ts";
import { type Bench, Cell } from "./cell.ts";
import type { Gap, Outcome } from "./outcome.ts";
import { labelOf, type Subject } from "./subject.ts";

/** The parts of a measure to run. */
export interface Plan {
  readonly measure: Measure;
  readonly subjects: readonly Subject[];
  readonly parts: readonly Part[];
}

/** Options of {@linkcode runRounds}. */
export interface RoundsOptions {
  readonly rounds: number;
  /** How long one cell may take, in milliseconds. */
  readonly cellTimeout: number;
  /** When to leave out what has not begun, as `performance.now()` counts. */
  readonly deadline: number;
  /** Takes each outcome. */
  onOutcome(outcome: Outcome): void;
  /** Takes lines about the progress. */
  log(line: string): void;
}

/**
 * Measures every subject in every round. The subjects take turns, and each round begins with another one, so that what
 * changes on the machine meanwhile affects all of them. A failure is an outcome like any other.
 */
export async function runRounds(bench: Bench, plan: Plan, options: RoundsOptions): Promise<void> {
  const { measure, subjects } = plan;
  const rounds = Math.min(options.rounds, measure.maxRounds ?? Infinity);
  for (let round = 1; round <= rounds; round++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const subject = subjects[(turn + round - 1) % subjects.length]!;
      if (performance.now() > options.deadline) {
        leaveOut(plan, subject, round, options);
        continue;
      }
      const quiet = await bench.load.waitUntilQuiet();
      const started = performance.now();
      await runCell(bench, plan, subject, round, options);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const busy = quiet ? "" : ", on a busy machine";
      options.log(`${measure.name} ${round}/${rounds} ${labelOf(subject)}: ${seconds} s${busy}`);
    }
  }
}

function leaveOut({ measure, parts }: Plan, subject: Subject, round: number, { onOutcome }: RoundsOptions): void {
  const gap = { kind: "left out", message: "There was no time left" } as const;
  for (const { key } of parts) onOutcome({ measure: measure.name, part: key, subject, round, gap });
}

async function runCell(
  bench: Bench,
  { measure, parts }: Plan,
  subject: Subject,
  round: number,
  { cellTimeout, onOutcome, log }: RoundsOptions,
): Promise<void> {
  let cell = new Cell(bench, measure.kind, subject, cellTimeout);
  for (const part of parts) {
    const base = { measure: measure.name, part: part.key, subject, round };
    try {
      const values = await part.run(cell, subject);
      onOutcome({ ...base, values, foreign: cell.takeForeign() });
    } catch (error) {
      const gap = gapOf(error, cell.signal.aborted);
      onOutcome({ ...base, gap });
      if (gap.kind === "failed") log(`${part.key} of ${labelOf(subject)} failed: ${gap.message}`);
      // The next part gets new processes, as these may be in any state.
      await cell[Symbol.asyncDispose]();
      cell = new Cell(bench, measure.kind, subject, cellTimeout);
    }
  }
  await cell[Symbol.asyncDispose]();
}

function gapOf(error: unknown, timedOut: boolean): Gap {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof NotOfferedError) return { kind: "not offered", message };
  return { kind: "failed", message: timedOut ? `timed out: ${message}` : message };
}
