import process from "node:process";
import { fileURLToPath } from "node:url";
import { systemClock } from "../base/clock.ts";
import { consoleLogger, printable, safeLogger } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import { listenForSignals } from "../queue/run/signals.ts";
import { EXPLAINED } from "./child.ts";
import { run } from "./run.ts";
import { type Host, UsageError, type Verb } from "./verb.ts";

const verbs: ReadonlyMap<string, Verb> = new Map([["run", run]]);

const help = `streaq ${VERSION}: a distributed task queue on Redis streams

Usage: streaq <command> [options]

${[...verbs].map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`).join("\n")}

  --help      prints this help, or that of a command
  --version   prints the version
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
    // The error may quote data, such as a file name.
    console.error(printable(`streaq: ${verbose && error instanceof Error ? error.stack : reasonOf(error)}`));
    if (error instanceof UsageError) console.error('Try "streaq --help"');
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
  if (name === "--help") host.print(help);
  else if (name === "--version") host.print(`${VERSION}\n`);
  else {
    const verb = verbs.get(name ?? "");
    if (!verb) {
      const commands = [...verbs.keys()].join(", ");
      throw new UsageError(`Cannot run streaq: expected a command (${commands}), got ${name ?? "none"}`);
    }
    if (!rest.includes("--help")) return await verb.run(rest, host);
    host.print(verb.help);
  }
  return 0;
}

function newHost(program: string, verbose: boolean): Host {
  const stop = new AbortController();
  const kill = new AbortController();
  // A parent process that has started this one with an IPC channel shuts it down by closing the channel, or by dying.
  if (process.connected) process.once("disconnect", () => stop.abort());
  else if (process.send) stop.abort();
  return {
    self: commandLine(program),
    logger: safeLogger(consoleLogger({ clock: systemClock, level: verbose ? "debug" : "info" })),
    stop: stop.signal,
    kill: kill.signal,
    takeSignals() {
      listenForSignals(() => stop.abort(), { clock: systemClock, onSecond: () => kill.abort() });
    },
    print: (text) => void process.stdout.write(text),
  };
}

function commandLine(program: string): [string, ...string[]] {
  if (process.versions.deno) return [process.execPath, "run", "-A", program];
  return [process.execPath, ...process.execArgv, fileURLToPath(program)];
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
