import process from "node:process";
import { fileURLToPath } from "node:url";
import { systemClock } from "../base/clock.ts";
import { consoleLogger } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import { EXPLAINED } from "./child.ts";
import { run } from "./run.ts";
import { type Host, UsageError, type Verb } from "./verb.ts";

const verbs: ReadonlyMap<string, Verb> = new Map([["run", run]]);

const help = `streaq ${VERSION}: a distributed task queue on Redis streams

Usage: streaq <verb> [options]

${[...verbs].map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`).join("\n")}

  --help      explains this, or the verb before it
  --version   prints the version
`;

/** How long a process may go on after its work is done, in milliseconds. */
const afterwork = 1000;

/**
 * Runs the command line of this process, and sets its exit code: 0 for success, 1 for failure, 2 for wrong usage.
 *
 * @param program The module that was run, to run it again.
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
    console.error(`streaq: ${verbose && error instanceof Error ? error.stack : reasonOf(error)}`);
    if (error instanceof UsageError) console.error('Try "streaq --help"');
  }
  systemClock.timer(afterwork, () => {
    console.error("streaq: Something keeps the process alive, perhaps a task that ignores its signal: it is ended now");
    process.exit();
  }, { ref: false });
  if (failure && process.connected) await new Promise((resolve) => process.send?.(EXPLAINED, resolve));
  // The other side may have closed the channel meanwhile.
  if (process.connected) process.disconnect?.();
}

async function dispatch(args: readonly string[], host: Host): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--help") host.print(help);
  else if (name === "--version") host.print(`${VERSION}\n`);
  else {
    if (name === undefined) throw new UsageError(`Expected a verb: ${[...verbs.keys()].join(", ")}`);
    const verb = verbs.get(name);
    if (!verb) throw new UsageError(`Unknown ${name.startsWith("-") ? "option" : "verb"}: ${name}`);
    if (!rest.includes("--help")) return await verb.run(rest, host);
    host.print(verb.help);
  }
  return 0;
}

function newHost(program: string, verbose: boolean): Host {
  const stop = new AbortController();
  const kill = new AbortController();
  // Whoever started this process with a channel to it, and has closed it or is gone, wants nothing more of it.
  if (process.connected) process.once("disconnect", () => stop.abort());
  else if (process.send) stop.abort();
  return {
    self: commandLine(program),
    logger: consoleLogger({ clock: systemClock, level: verbose ? "debug" : "info" }),
    stop: stop.signal,
    kill: kill.signal,
    takeSignals() {
      let asked = false;
      const listener = () => {
        if (asked) kill.abort();
        else stop.abort();
        asked = true;
      };
      process.on("SIGINT", listener).on("SIGTERM", listener);
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
