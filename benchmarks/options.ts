import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { FULL, type Scale, SHORT } from "./measures/scale.ts";
import type { LoadOptions } from "./run/load.ts";
import { type Runtime, RUNTIMES } from "./run/subject.ts";

export const USAGE = `npm run bench -- [options]

  --short            a look in less than two minutes: one round, few tasks
  --only a,b         only these measures or parts of them, such as drain,bulk
  --systems a,b      only these systems, such as streaq,bullmq
  --runtime a,b      only these runtimes: ${RUNTIMES.join(", ")}
  --rounds N         how often everything is measured                           (5; 1 with --short)
  --tasks N,M        how many tasks are enqueued and drained                    (20000,100000; 1000 with --short)
  --quiet N          the foreign load that counts as quiet, in processors       (0.1)
  --patience N       how many seconds to wait for a quiet machine, in all       (1800; 5 with --short)
  --out FOLDER       where RESULTS.md and charts/ are written                   (benchmarks)
  --list             the names of all measures, parts and systems
`;

/** The options of a run. */
export interface Options {
  readonly short: boolean;
  /** Names of measures and parts; empty for all. */
  readonly only: readonly string[];
  /** Names of systems; empty for all. */
  readonly systems: readonly string[];
  readonly runtimes: readonly Runtime[];
  readonly rounds: number;
  readonly scale: Scale;
  readonly load: LoadOptions;
  readonly cellTimeout: number;
  readonly out: string;
  readonly list: boolean;
  readonly help: boolean;
}

/** Reads the command line. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      systems: { type: "string", default: "" },
      runtime: { type: "string", default: RUNTIMES.join(",") },
      rounds: { type: "string" },
      tasks: { type: "string" },
      quiet: { type: "string", default: "0.1" },
      patience: { type: "string" },
      out: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const { short } = values;
  const scale = short ? SHORT : FULL;
  const tasks = values.tasks === undefined ? scale.tasks : split(values.tasks).map((text) => integer("tasks", text));
  return {
    short,
    only: split(values.only),
    systems: split(values.systems),
    runtimes: split(values.runtime).map(runtime),
    rounds: values.rounds === undefined ? (short ? 1 : 5) : integer("rounds", values.rounds),
    scale: { ...scale, tasks },
    load: {
      threshold: number("quiet", values.quiet, availableParallelism()),
      timeout: short ? 300 : 60_000,
      budget: (values.patience === undefined ? (short ? 5 : 1800) : number("patience", values.patience)) * 1000,
      window: short ? 100 : 500,
    },
    cellTimeout: short ? 30_000 : 600_000,
    // npm runs scripts in the folder of the package, and keeps that of the caller in INIT_CWD.
    out: values.out === undefined
      ? fileURLToPath(new URL(".", import.meta.url))
      : resolve(process.env["INIT_CWD"] ?? ".", values.out),
    list: values.list,
    help: values.help,
  };
}

/** Returns the command line as it was given. */
export function commandLine(): string {
  const args = process.argv.slice(2);
  return args.length === 0 ? "npm run bench" : `npm run bench -- ${args.join(" ")}`;
}

function split(list: string): string[] {
  return list.split(",").map((item) => item.trim()).filter((item) => item !== "");
}

function integer(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new RangeError(`Cannot use option --${option}: expected an integer >= 1, got ${text}`);
}

function number(option: string, text: string, highest = Infinity): number {
  const value = Number(text);
  if (value >= 0 && value <= highest) return value;
  throw new RangeError(`Cannot use option --${option}: expected a number from 0 to ${highest}, got ${text}`);
}

function runtime(text: string): Runtime {
  const found = RUNTIMES.find((runtime) => runtime === text);
  if (found) return found;
  throw new RangeError(`Cannot use option --runtime: expected one of ${RUNTIMES.join(", ")}, got ${text}`);
}
