import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Measure } from "../measures/measure.ts";
import type { Plan } from "../run/rounds.ts";
import { labelOf } from "../run/subject.ts";
import type { Findings } from "./findings.ts";

/** A chart of one figure of a measure, a bar for each subject. */
interface Chart {
  readonly measure: string;
  /** The column to draw; several are stacked. */
  readonly columns: readonly string[];
  readonly title: string;
  readonly axis: string;
  /** One unit of the axis, in the unit of the figures. @default {1} */
  readonly unit?: number;
  /** Draws points on a logarithmic axis instead of bars. @default {false} */
  readonly log?: boolean;
}

const charts: readonly Chart[] = [
  { measure: "enqueue", columns: ["rate"], title: "Enqueue", axis: "tasks per second" },
  { measure: "drain", columns: ["rate"], title: "Drain with one worker", axis: "tasks per second" },
  {
    measure: "drain",
    columns: ["lifeProducer", "worker", "lifeRedis"],
    title: "Processor time of a task",
    axis: "µs per task, from enqueuing to completion",
  },
  { measure: "drain", columns: ["peak"], title: "Peak memory of the worker", axis: "MiB", unit: 1024 ** 2 },
  { measure: "drain-2", columns: ["rate"], title: "Drain with two workers", axis: "tasks per second" },
  { measure: "round-trip", columns: ["median"], title: "Round trip, median", axis: "ms", log: true },
  { measure: "round-trip", columns: ["p99"], title: "Round trip, 99th percentile", axis: "ms", log: true },
  { measure: "sleep", columns: ["overhead"], title: "Sleeping tasks", axis: "ms beyond the sleep", log: true },
  { measure: "payload", columns: ["drain"], title: "Drain of large arguments", axis: "tasks per second" },
  { measure: "growth", columns: ["enqueue", "drain"], title: "Growth", axis: "tasks per second" },
  { measure: "client", columns: ["rate"], title: "Redis clients", axis: "commands per ms" },
  { measure: "limit", columns: ["enqueue", "drain"], title: "The limit", axis: "tasks per second" },
];

/** One bar, or a part of it. */
interface Datum {
  readonly group: string;
  readonly subject: string;
  readonly kind: string;
  /** Among those that are stacked. */
  readonly place: number;
  readonly value: number;
  readonly lowest: number;
  readonly highest: number;
  readonly own: boolean;
}

/** Draws the charts of a measure as SVG files into a folder. Resolves to their names and titles. */
export async function drawCharts(
  folder: string,
  { measure, parts, subjects }: Plan,
  findings: Findings,
): Promise<{ file: string; title: string }[]> {
  mkdirSync(folder, { recursive: true });
  const drawn: { file: string; title: string }[] = [];
  for (const chart of charts.filter((chart) => chart.measure === measure.name)) {
    const data = parts.flatMap((part) =>
      subjects.flatMap((subject) =>
        chart.columns.flatMap((key): Datum[] => {
          const figure = findings.figure(measure, part, subject, key);
          if (!figure || (chart.log && figure.lowest <= 0)) return [];
          const kind = labelOfColumn(measure, key);
          const { unit = 1 } = chart;
          return [{
            group: part.tables[0]!.title,
            subject: labelOf(subject),
            kind,
            place: chart.columns.indexOf(key),
            value: figure.median / unit,
            lowest: figure.lowest / unit,
            highest: figure.highest / unit,
            own: subject.name === "streaq",
          }];
        })
      )
    );
    if (data.length === 0) continue;
    const file = `${measure.name}-${chart.columns.join("-")}.svg`;
    writeFileSync(join(folder, file), await draw(specOf(chart, measure, data)));
    drawn.push({ file, title: chart.title });
  }
  return drawn;
}

/** Removes the charts of earlier runs. */
export function removeCharts(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

function labelOfColumn({ parts }: Measure, key: string): string {
  const columns = parts.flatMap(({ tables }) => tables.flatMap(({ columns }) => columns));
  return columns.find((column) => column.key === key)!.label.replace(/ µs$/, "");
}

/** One chart below another for each group, as they differ in scale. */
function specOf(chart: Chart, { layout }: Measure, values: readonly Datum[]): TopLevelSpec {
  const byPart = layout === "parts";
  const groups = [...new Set(values.map(({ group, kind }) => byPart ? kind : group))];
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    title: { text: chart.title, anchor: "start", fontSize: 15 },
    config: { font: "Helvetica, Arial, sans-serif", view: { stroke: null } },
    columns: groups.length > 5 ? 2 : 1,
    concat: groups.map((group) => {
      const members = values.filter((datum) => (byPart ? datum.kind : datum.group) === group);
      return bars(chart, group, byPart ? "group" : "subject", members);
    }),
  } as TopLevelSpec;
}

/** Bars for one group: stacked where the chart has more than two columns, else beside each other. */
function bars({ axis, columns, log = false }: Chart, title: string, row: "group" | "subject", values: Datum[]): object {
  const isStacked = columns.length > 2;
  const isPaired = columns.length === 2 && row === "subject";
  const y = { field: row, type: "nominal", sort: null, axis: { title: null, labelLimit: 260 } };
  const x = {
    field: "value",
    type: "quantitative",
    scale: log ? { type: "log" } : { zero: true },
    axis: {
      title: axis,
      format: Math.max(...values.map(({ highest }) => highest)) < 5000 ? ",~r" : "~s",
      tickCount: 6,
    },
  };
  const offset = isPaired ? { yOffset: { field: "kind", type: "nominal", sort: null } } : {};
  const color = isStacked || isPaired
    ? { field: "kind", type: "nominal", sort: null, title: null, legend: { orient: "bottom" } }
    : { condition: { test: "datum.own", value: "#d1495b" }, value: "#8fa3b0" };
  const span = {
    mark: { type: "rule", strokeWidth: 1.5 },
    encoding: { y, x: { ...x, field: "lowest" }, x2: { field: "highest" }, ...offset },
  };
  return {
    title: { text: title, anchor: "start", fontSize: 12 },
    width: 520,
    height: { step: isPaired ? 12 : 20 },
    data: { values },
    layer: [
      {
        mark: log ? { type: "point", filled: true, size: 90 } : "bar",
        encoding: { y, x, color, order: { field: "place" }, ...offset },
      },
      ...isStacked ? [] : [span],
    ],
  };
}

async function draw(spec: TopLevelSpec): Promise<string> {
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: "none" });
  try {
    return await view.toSVG() + "\n";
  } finally {
    view.finalize();
  }
}
