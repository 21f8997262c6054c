import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DENO, ROOT } from "../../scripts/runtimes.mjs";
import { digits } from "./format.ts";
import { drawCharts, removeCharts } from "./charts.ts";
import { Findings } from "./findings.ts";
import { versionsOf } from "./machine.ts";
import { median } from "./statistics.ts";
import { markdown, tablesOf } from "./table.ts";
import type { Outcome } from "../run/outcome.ts";
import type { Plan } from "../run/rounds.ts";
import { labelOf } from "../run/subject.ts";
import { systems } from "../systems/registry.ts";

/** The content of a report besides the outcomes. */
export interface ReportOptions {
  /** The folder to write `RESULTS.md` and `charts/` to. */
  readonly folder: string;
  readonly plans: readonly Plan[];
  readonly rounds: number;
  readonly short: boolean;
  /** The command line that repeats the run. */
  readonly command: string;
  /** Lines of Markdown about the machine. */
  readonly machine: readonly string[];
  /** Measures that were left out, with the reasons. */
  readonly leftOut: readonly string[];
  /** The foreign load up to which the machine counted as quiet, in processors. */
  readonly threshold: number;
}

/** Writes the report. Called after each measure, so that an interrupted run loses at most one. */
export async function writeReport(options: ReportOptions, outcomes: readonly Outcome[]): Promise<void> {
  const { folder, plans } = options;
  const findings = new Findings(outcomes);
  const measured = plans.filter(({ measure }) => outcomes.some((outcome) => outcome.measure === measure.name));
  removeCharts(join(folder, "charts"));
  const sections: string[] = [];
  for (const plan of measured) {
    const { measure, parts, subjects } = plan;
    const charts = await drawCharts(join(folder, "charts"), plan, findings);
    const images = charts.map(({ file, title }) => `![${title}](charts/${file})`);
    sections.push(`## ${measure.title}`, measure.text, ...tablesOf(measure, parts, subjects, findings), ...images);
  }
  const text = [
    "# Results",
    `<!-- Written by \`npm run bench\`. -->`,
    heading(options),
    notes(options, findings),
    howToRead(options),
    ...sections,
    "## What was compared",
    ...comparison(measured),
    ...failures(findings),
  ];
  writeFileSync(join(folder, "RESULTS.md"), text.join("\n\n") + "\n");
  formatFiles(folder);
}

/** Formats the report as everything else in the repository: its check looks at Markdown and SVG files too. */
function formatFiles(folder: string): void {
  const files = ["RESULTS.md", "charts"].map((name) => join(folder, name));
  spawnSync(DENO, ["fmt", "--quiet", "--config", join(ROOT, "deno.json"), ...files], { cwd: ROOT });
}

function heading({ rounds, short, command, machine }: ReportOptions): string {
  const date = new Date().toISOString().slice(0, 10);
  return [
    `- ${date}, ${rounds} ${rounds === 1 ? "round" : "rounds"}${short ? ", the short form" : ""}: \`${command}\``,
    ...machine,
  ].join("\n");
}

/** States what lowers the worth of the figures. */
function notes({ leftOut, short, threshold }: ReportOptions, findings: Findings): string {
  const loads = findings.foreign();
  const busy = loads.filter((load) => load > threshold).length;
  const lines = loads.length === 0 ? ["- **Foreign load:** unknown on this system."] : [
    `- **Foreign load:** other programs used ${digits(median(loads))} processors while something was measured ` +
    `(median; at most ${digits(Math.max(...loads))}). ${busy} of ${loads.length} measurements had more than ` +
    `${threshold}.${busy > loads.length / 10 ? " **The machine was busy: do not quote these figures.**" : ""}`,
  ];
  if (short) {
    lines.push("- **Short form:** few tasks, so that start-up and uncompiled code weigh more than in production.");
  }
  return [...lines, ...leftOut.map((line) => `- Left out: ${line}`)].join("\n");
}

function howToRead({ rounds }: ReportOptions): string {
  return `Compare within a table: its rows were measured in turns. ${
    rounds === 1 ? "" : "A figure is the median of the rounds, with the lowest and the highest in brackets. "
  }"÷ bullmq" is the ratio to BullMQ, on Node where that was measured. "µs" is processor time, user and system. "Foreign load" is the number of ` +
    `processors that other programs kept busy meanwhile: the median, and the highest of the rounds.`;
}

/** The guarantees, the setup and the version of each system. */
function comparison(plans: readonly Plan[]): string[] {
  const shown = new Set(plans.flatMap(({ subjects }) => subjects.map(labelOf)));
  const compared = systems.filter((system) => shown.has(labelOf(system)));
  const names = new Set<string>();
  const once = compared.filter(({ name }) => !names.has(name) && names.add(name));
  const guarantees = once.map(({ name, guarantees: { delivery, recovery, atomicity, result, waiting } }) => {
    return [name, delivery, recovery, atomicity, result, waiting];
  });
  const head = [
    "",
    "a task runs",
    "a crash is noticed by",
    "steps in Redis",
    "kept when complete",
    "waiting for a result",
  ];
  const clients = plans.flatMap(({ measure, subjects }) => measure.kind === "client" ? subjects : []);
  const others = clients.flatMap((client) => client.name === "streaq" ? [] : versionsOf(client));
  return [
    "All tasks are no-ops, with one argument, in one queue of one priority. Producers and workers are processes of their " +
    "own. Every system keeps a record of each complete task. The figures do not show what a system promises for its price:",
    markdown([head, ...guarantees]),
    once.map((system) => `- **${system.name}** (${versionsOf(system).join(", ")}): ${system.setup}`).join("\n"),
    ...others.length > 0 ? [`Clients: ${[...new Set(others)].join(", ")}. Bun's own is part of Bun.`] : [],
  ];
}

function failures(findings: Findings): string[] {
  const failed = findings.gaps("failed");
  if (failed.length === 0) return [];
  const lines = failed.map(({ part, subject, round, gap }) => {
    return `- ${part} of ${labelOf(subject)} in round ${round}: ${gap!.message}`;
  });
  return ["## Failures", lines.join("\n")];
}
