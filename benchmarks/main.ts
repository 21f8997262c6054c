/** Measures streaq beside other queues and clients, and writes `RESULTS.md`. Started by `bench.mjs`. */
import process from "node:process";
import { createClient } from "../src/redis/mod.ts";
import { startRedis } from "../tests/support/redis_server.ts";
import { commandLine, type Options, readOptions, USAGE } from "./options.ts";
import { describeMachine } from "./report/machine.ts";
import { writeReport } from "./report/report.ts";
import { bundleSides } from "./run/bundle.ts";
import { Load } from "./run/load.ts";
import type { Outcome } from "./run/outcome.ts";
import { measuresFor, select } from "./run/plan.ts";
import { installPythonSystems } from "./run/python.ts";
import { runRounds } from "./run/rounds.ts";
import { versionOf } from "./run/runtimes.ts";
import { RUNTIMES } from "./run/subject.ts";
import { systems } from "./systems/registry.ts";

/** The measures that the short form takes on Deno and Bun. */
const QUICK = ["drain", "client"];
/** After how long the short form begins nothing more, in milliseconds. */
const QUICK_TIME = 105_000;

const options = readOptions(process.argv.slice(2));
if (options.help) console.log(USAGE);
else if (options.list) printNames(options);
else await run(options);

function printNames({ scale }: Options): void {
  for (const { name, parts } of measuresFor(scale)) {
    const names = [...new Set(parts.map(({ name }) => name))].filter((part) => part !== name);
    console.log(names.length === 0 ? name : `${name}: ${names.join(", ")}`);
  }
  console.log(`systems: ${[...new Set(systems.map(({ name }) => name))].join(", ")}`);
}

async function run(options: Options): Promise<void> {
  const started = performance.now();
  const isQuickLook = options.short && options.systems.length === 0 && options.runtimes.length === RUNTIMES.length;
  const wanted = systems.filter(({ name, runtime }) => {
    return options.runtimes.includes(runtime) && (options.systems.length === 0 || options.systems.includes(name));
  });
  const failures = installPythonSystems(wanted.filter(({ runtime }) => runtime === "python").map(({ name }) => name));
  await bundleSides();
  const plans = select(measuresFor(options.scale), {
    only: options.only,
    systems: options.systems,
    accepts: ({ name: measure }, { name, runtime }) =>
      options.runtimes.includes(runtime) && !failures.has(name) && versionOf(runtime, name) !== undefined &&
      (!isQuickLook || runtime === "node" || QUICK.includes(measure)),
  });
  const leftOut = [
    ...[...failures].map(([name, reason]) => `${name}, as ${reason}`),
    ...isQuickLook ? [`other runtimes than Node from all measures but ${QUICK.join(" and ")}`] : [],
  ];
  for (const line of leftOut) console.log(`Left out: ${line}`);

  await using server = await startRedis();
  await using redis = createClient(server.url);
  const load = new Load(options.load);
  load.own(process.pid);
  load.own(server.pid);
  const report = {
    folder: options.out,
    plans,
    rounds: options.rounds,
    short: options.short,
    command: commandLine(),
    machine: await describeMachine(redis, plans.flatMap(({ subjects }) => subjects)),
    leftOut,
    threshold: options.load.threshold,
  };
  const deadline = options.short ? performance.now() + QUICK_TIME : Infinity;
  const outcomes: Outcome[] = [];
  for (const plan of plans) {
    await runRounds({ redis, server, load }, plan, {
      rounds: options.rounds,
      cellTimeout: options.cellTimeout,
      deadline,
      onOutcome: (outcome) => void outcomes.push(outcome),
      log: (line) => console.log(`${elapsed(started)} ${line}`),
    });
    await writeReport(report, outcomes);
  }
  console.log(`${elapsed(started)} wrote RESULTS.md and charts/ to ${options.out}`);
}

function elapsed(started: number): string {
  const seconds = Math.round((performance.now() - started) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
