import process from "node:process";
import { fileURLToPath } from "node:url";
import { systemClock } from "../base/clock.ts";
import { consoleLogger, printable, safeLogger } from "../base/log.ts";
import { suggestionFor } from "../base/known_options.ts";
import { VERSION } from "../base/version.ts";
import { listenForSignals } from "../queue/run/signals.ts";
import { EXPLAINED } from "./child.ts";
import { failures } from "./failures.ts";
import { purge } from "./purge.ts";
import { retry } from "./retry.ts";
import { run } from "./run.ts";
import { askOnTerminal } from "./terminal.ts";
import { type Host, UsageError, type Verb } from "./verb.ts";

const verbs: ReadonlyMap<string, Verb> = new Map(Object.entries({ run, failures, retry, purge }));

const help = `streaq ${VERSION}: a distributed task queue on Redis streams

Usage: streaq <command> [options]

${[...verbs].map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`).join("\n")}

  --help      prints this help, or that of a command
  --version   prints the version

Exit codes: 0 done, 1 failed or nothing done, 2 wrong usage, 130 interrupted.
`;

/** How long the process may take to exit by itself after its work is done, in milliseconds. */
const exitTimeout = 1000;

/**
 * Runs the command line of this process and sets the exit code: 0 for success, 1 for failure, 2 for wrong usage.
 *
 * @param program URL of the main module, with which child processes are started.
 */
export async function main(program: string): Promise<void> {
  const args = process.argv.slice(2);
  const verbose = args.includes("--verbose");
  let failure: unknown;
  try {
    process.exitCode = await dispatch(args, newHost(program, verbose));
  } catch (error) {
    failure = error;
    process.exitCode = error instanceof UsageError ? 2 : 1;
    printError(verbose && error instanceof Error ? error.stack ?? error.message : reasonOf(error));
    const verb = verbs.has(args[0] ?? "") ? ` ${args[0]}` : "";
    if (error instanceof UsageError) console.error(`Try "streaq${verb} --help"`);
  }
  systemClock.timer(exitTimeout, () => {
    console.error("streaq: Exiting although the process is still busy, perhaps with a task that ignores its signal");
    process.exit();
  }, { ref: false });
  if (failure && process.connected) await new Promise((resolve) => process.send?.(EXPLAINED, resolve));
  // The parent process may have closed the channel meanwhile.
  if (process.connected) process.disconnect?.();
}

async function dispatch(args: readonly string[], host: Host): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--help") await host.print(help);
  else if (name === "--version") await host.print(`${VERSION}\n`);
  else {
    const verb = verbs.get(name ?? "");
    if (!verb) throw new UsageError(explainUnknown(name));
    if (!rest.includes("--help")) return await verb.run(rest, host);
    await host.print(verb.help);
  }
  return 0;
}

function explainUnknown(name: string | undefined): string {
  const names = [...verbs.keys()];
  const nearest = name === undefined ? undefined : suggestionFor(name, names);
  const hint = nearest === undefined ? "" : `, did you mean ${nearest}?`;
  return `Cannot run streaq: expected a command (${names.join(", ")}), got ${name ?? "none"}${hint}`;
}

function newHost(program: string, verbose: boolean): Host {
  const stop = new AbortController();
  const kill = new AbortController();
  // A reader that has seen enough, such as `head`, closes the pipe.
  process.stdout.on("error", () => {});
  // A parent process that has started this one with an IPC channel shuts it down by closing the channel, or by dying.
  if (process.connected) process.once("disconnect", () => stop.abort());
  else if (process.send) stop.abort();
  return {
    self: commandLine(program),
    logger: safeLogger(consoleLogger({ clock: systemClock, level: verbose ? "debug" : "info" })),
    stop: stop.signal,
    kill: kill.signal,
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
    takeSignals() {
      listenForSignals(() => stop.abort(), { clock: systemClock, onSecond: () => kill.abort() });
    },
    print,
    printError,
    ask: process.stdin.isTTY && process.stderr.isTTY ? askOnTerminal : undefined,
  };
}

function commandLine(program: string): [string, ...string[]] {
  if (process.versions.deno) return [process.execPath, "run", "-A", program];
  return [process.execPath, ...process.execArgv, fileURLToPath(program)];
}

async function print(text: string): Promise<void> {
  await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
}

/** The message may quote data, such as a file name. */
function printError(message: string): void {
  process.stderr.write(`${printable(`streaq: ${message}`)}\n`);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
