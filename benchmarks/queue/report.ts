import { availableParallelism, cpus } from "node:os";
import process from "node:process";
import type { Round, TaskCost } from "./round.ts";

/** Goal for the ratio of streaq to BullMQ. */
interface Target {
  readonly text: string;
  met(ratio: number): boolean;
}

/** One line of the table. */
interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly value: (round: Round) => number;
  readonly target?: Target;
}

const measures: readonly Measure[] = [
  { name: "bulk enqueue", unit: "tasks/s", value: ({ enqueue }) => enqueue.rate, target: atLeast(4) },
  { name: "drain", unit: "tasks/s", value: ({ drain }) => drain.rate, target: atLeast(2) },
  { name: "round trip, median", unit: "ms", value: ({ roundTrips }) => quantile(roundTrips, 0.5), target: atMost(0.6) },
  { name: "round trip, 99th percentile", unit: "ms", value: ({ roundTrips }) => quantile(roundTrips, 0.99) },
  ...costs("enqueue", (round) => round.enqueue),
  ...costs("drain", (round) => round.drain),
];

/** Prints the measurements, one in each line. */
export function report(rounds: ReadonlyMap<string, readonly Round[]>): void {
  const systems = [...rounds.keys()];
  const rows = measures.map(({ name, unit, value, target }) => {
    const values = systems.map((system) => rounds.get(system)!.map(value));
    const [ours, theirs] = values.map((of) => quantile(of, 0.5));
    const ratio = theirs === undefined ? undefined : ours! / theirs;
    return [
      name,
      unit,
      ...values.map((of) => `${show(quantile(of, 0.5))} (${show(Math.min(...of))} - ${show(Math.max(...of))})`),
      ratio === undefined ? "" : ratio.toFixed(2),
      ratio === undefined || !target ? "" : `${target.text} ${target.met(ratio) ? "met" : "missed"}`,
    ];
  });
  print([["", "", ...systems, "ratio", "target"], ...rows]);
}

/** Prints the commands that the server has executed for each task in the last round. */
export function reportCommands(rounds: ReadonlyMap<string, readonly Round[]>): void {
  for (const [system, measured] of rounds) {
    const last = measured.at(-1)!;
    for (const phase of ["enqueue", "drain"] as const) {
      const calls = [...last[phase].server.calls].filter(([, count]) => count >= 0.0005).sort((a, b) => b[1] - a[1]);
      console.log(`${system} ${phase}: ${calls.map(([name, count]) => `${name} ${count.toFixed(3)}`).join(", ")}`);
    }
  }
}

/** Describes the machine. */
export function machine(redisVersion: string): string {
  const model = cpus()[0]?.model ?? "unknown processor";
  return `${availableParallelism()} cores of ${model}, node ${process.versions.node}, redis ${redisVersion}`;
}

function costs(phase: string, of: (round: Round) => TaskCost): Measure[] {
  return [
    { name: `${phase}, processor of redis`, unit: "µs/task", value: (round) => of(round).server.cpu },
    { name: `${phase}, processor of node`, unit: "µs/task", value: (round) => of(round).clientCpu },
    { name: `${phase}, commands in all`, unit: "/task", value: (round) => of(round).server.commands },
    {
      name: `${phase}, scripts among them`,
      unit: "/task",
      value: (round) => of(round).server.calls.get("evalsha") ?? 0,
    },
  ];
}

function atLeast(limit: number): Target {
  return { text: `>= ${limit}`, met: (ratio) => ratio >= limit };
}

function atMost(limit: number): Target {
  return { text: `<= ${limit}`, met: (ratio) => ratio <= limit };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return low + (high - low) * (place - Math.floor(place));
}

/** Formats a number with three significant digits, or as an integer. */
function show(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

function print(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    const cells = row.map((cell, column) => column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!));
    console.log(cells.join("  ").trimEnd());
  }
}
