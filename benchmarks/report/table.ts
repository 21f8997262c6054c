import type { Column, Measure, Part, Table } from "../measures/measure.ts";
import type { Outcome } from "../run/outcome.ts";
import { labelOf, type Runtime, type Subject } from "../run/subject.ts";
import { digits, type Format, ratio } from "./format.ts";
import type { Figure, Findings } from "./findings.ts";
import { median } from "./statistics.ts";

/** Returns the tables of a measure, each under a heading. */
export function tablesOf(
  measure: Measure,
  parts: readonly Part[],
  subjects: readonly Subject[],
  findings: Findings,
): string[] {
  switch (measure.layout ?? "subjects") {
    case "subjects":
      return parts.flatMap((part) => {
        return part.tables.map((table) => bySubject(measure, part, table, subjects, findings));
      });
    case "parts":
      return [byPart(measure, parts, subjects[0]!, findings)];
    case "matrix":
      return runtimesOf(subjects).map((runtime) => {
        return matrix(measure, parts, subjects.filter((subject) => subject.runtime === runtime), findings);
      });
  }
}

/** A row for each subject, a column for each figure. */
function bySubject(
  measure: Measure,
  part: Part,
  { title, columns }: Table,
  subjects: readonly Subject[],
  findings: Findings,
): string {
  const baseline = baselineOf(measure, subjects);
  const head = ["", ...columns.flatMap((column) => heads(column, baseline)), "foreign load"];
  const rows = subjects.map((subject) => {
    const outcomes = findings.of(measure, part, subject);
    if (!outcomes.some(({ values }) => values)) {
      return [labelOf(subject), gapCell(outcomes), ...head.slice(2).map(() => "")];
    }
    const cells = columns.flatMap((column) => {
      const figure = findings.figure(measure, part, subject, column.key);
      const base = baseline && findings.figure(measure, part, baseline, column.key);
      const isBaseline = subject === baseline;
      return cellsOf(column, figure, baseline && (isBaseline ? undefined : base), baseline !== undefined);
    });
    const failed = outcomes.filter(({ gap }) => gap?.kind === "failed").length;
    const label = failed > 0
      ? `${labelOf(subject)} (${failed} of ${outcomes.length} rounds **failed**)`
      : labelOf(subject);
    return [label, ...cells, foreignCell(findings.foreign(outcomes))];
  });
  return `### ${title}\n\n${markdown([head, ...rows])}`;
}

/** A row for each part, a column for each figure, of one subject. */
function byPart(measure: Measure, parts: readonly Part[], subject: Subject, findings: Findings): string {
  const { columns } = parts[0]!.tables[0]!;
  const rows = parts.map((part) => {
    const outcomes = findings.of(measure, part, subject);
    const isMissing = !outcomes.some(({ values }) => values);
    const cells = columns.map((column, n) => {
      if (isMissing) return n === 0 ? gapCell(outcomes) : "";
      return cellsOf(column, findings.figure(measure, part, subject, column.key), undefined, false)[0]!;
    });
    return [part.tables[0]!.title, ...cells, foreignCell(findings.foreign(outcomes))];
  });
  return markdown([["", ...columns.map(({ label }) => label), "foreign load"], ...rows]);
}

/** A row for each part, a column for each subject. */
function matrix(measure: Measure, parts: readonly Part[], subjects: readonly Subject[], findings: Findings): string {
  const baseline = baselineOf(measure, subjects);
  const rows = parts.map((part) => {
    const cells = subjects.map((subject) => {
      const [main, ...rest] = part.tables[0]!.columns;
      const figure = findings.figure(measure, part, subject, main!.key);
      if (!figure) return gapCell(findings.of(measure, part, subject));
      const base = subject === baseline ? undefined : baseline && findings.figure(measure, part, baseline, main!.key);
      const times = base ? ` · ${ratio(figure.median / base.median)}×` : "";
      const others = rest.map(({ key, format }) => {
        const other = findings.figure(measure, part, subject, key);
        return other ? format(other.median) : "";
      });
      return `${range(figure, main!.format)}${times} · ${others.join(" + ")} µs`;
    });
    const foreign = findings.foreign(subjects.flatMap((subject) => findings.of(measure, part, subject)));
    return [part.tables[0]!.title, ...cells, foreignCell(foreign)];
  });
  const [{ runtime } = { runtime: "node" }] = subjects;
  const [main, ...rest] = parts[0]!.tables[0]!.columns;
  const times = baseline ? ` · ratio to ${baseline.name}` : "";
  const caption = `Each cell: ${main!.label} (lowest–highest)${times} · ${rest.map(({ label }) => label).join(" + ")}.`;
  const head = ["", ...subjects.map((subject) => subject.name), "foreign load"];
  return `### On ${runtime === "bun" ? "Bun" : "Node"}\n\n${caption}\n\n${markdown([head, ...rows])}`;
}

/** The reason of a failure is in a section of its own. */
function gapCell([first]: readonly Outcome[]): string {
  return !first?.gap || first.gap.kind === "failed" ? "[**failed**](#failures)" : first.gap.kind;
}

function heads({ label, main }: Column, baseline: Subject | undefined): string[] {
  return main && baseline ? [label, `÷ ${baseline.name}`] : [label];
}

function cellsOf(
  { format, main }: Column,
  figure: Figure | undefined,
  base: Figure | undefined,
  withRatio: boolean,
): string[] {
  if (!main) return [figure ? format(figure.median) : "unknown"];
  const value = figure ? range(figure, format) : "unknown";
  return withRatio ? [value, figure && base ? `**${ratio(figure.median / base.median)}×**` : ""] : [value];
}

function range({ median, lowest, highest }: Figure, format: Format): string {
  return lowest === highest ? format(median) : `${format(median)} (${format(lowest)}–${format(highest)})`;
}

/** The median over the rounds, and the highest. */
function foreignCell(loads: readonly number[]): string {
  if (loads.length === 0) return "";
  return loads.length === 1 ? digits(loads[0]!) : `${digits(median(loads))} (≤ ${digits(Math.max(...loads))})`;
}

/** On a runtime without the baseline, it is that of Node. */
function baselineOf({ baseline }: Measure, subjects: readonly Subject[]): Subject | undefined {
  return subjects.find(({ name, runtime }) => name === baseline && runtime === "node") ??
    subjects.find(({ name }) => name === baseline);
}

function runtimesOf(subjects: readonly Subject[]): Runtime[] {
  return [...new Set(subjects.map(({ runtime }) => runtime))];
}

/** Returns a table in Markdown, whose first row is the head. */
export function markdown([head, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head!), line(head!.map(() => "---")), ...rows.map(line)].join("\n");
}
