import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../base/clock.ts";
import { parseArguments } from "./arguments.ts";
import { fileOf, loadWorker, type Location, parseLocation } from "./load.ts";
import { reload } from "./reload.ts";
import { supervise, type SupervisorOptions } from "./supervise.ts";
import { type Host, UsageError, type Verb } from "./verb.ts";

/** Parsed arguments of `streaq run`. */
interface RunOptions {
  readonly location: Location;
  readonly workers: number;
  readonly burst: boolean;
  readonly reload: boolean;
  readonly verbose: boolean;
}

/** `streaq run`. */
export const run: Verb = {
  summary: "runs the worker that a module exports",

  help: `Usage: streaq run path/to/module.ts[:export] [options]

Runs the worker that a module exports: the export after the colon, or else "worker", or else "default". SIGINT and
SIGTERM shut the worker down gracefully; a second signal exits immediately.

  --workers N   runs N processes, and replaces those that crash
  --burst       exits when no tasks are left
  --reload      restarts when a source file in the folder of the module, or below it, changes
  --verbose     prints debug messages, and the stack of an error
  --help        prints this help
`,

  async run(args, host) {
    const options = parse(args);
    if (!options.reload && options.workers === 1) return await runHere(options, host);
    const folder = options.reload ? folderOf(options.location) : undefined;
    host.takeSignals();
    const supervisor = supervisorOptions(options, host);
    return folder === undefined ? await supervise(supervisor) : await reload(supervisor, folder);
  },
};

/** Runs the worker in this process. */
async function runHere({ location, burst, verbose }: RunOptions, { stop, logger }: Host): Promise<number> {
  logger.debug(`loading ${location.module}`);
  const worker = await loadWorker(location);
  if (verbose) worker.logLevel = "debug";
  try {
    await worker.run({ burst, signal: stop });
  } finally {
    await worker.close();
  }
  logger.debug(`closed worker ${worker.id}`);
  return 0;
}

function parse(args: readonly string[]): RunOptions {
  const { values, positionals } = parseArguments(args, {
    workers: { type: "string" },
    burst: { type: "boolean" },
    reload: { type: "boolean" },
    verbose: { type: "boolean" },
  });
  const [module, ...rest] = positionals;
  if (!module) throw new UsageError("Cannot run a worker: expected the path of its module, got none");
  if (rest.length > 0) throw new UsageError(`Cannot run a worker: expected one module, got ${positionals.join(" ")}`);
  const { workers = "1", burst = false, reload = false, verbose = false } = values;
  if (!/^[1-9]\d{0,2}$/.test(workers)) {
    throw new UsageError(`Cannot use option --workers: expected an integer from 1 to 999, got ${workers}`);
  }
  if (burst && reload) throw new UsageError("Cannot run a worker: expected --burst or --reload, got both");
  return { location: parseLocation(module), workers: Number(workers), burst, reload, verbose };
}

function supervisorOptions({ location, workers, burst, verbose }: RunOptions, host: Host): SupervisorOptions {
  const { module, name } = location;
  const target = name === undefined ? module : `${module}:${name}`;
  const flags = [...burst ? ["--burst"] : [], ...verbose ? ["--verbose"] : []];
  const { stop, kill, logger } = host;
  return {
    commandLine: [...host.self, "run", target, ...flags],
    count: workers,
    stop,
    kill,
    logger,
    clock: systemClock,
  };
}

function folderOf(location: Location): string {
  const file = fileOf(location);
  if (!file) throw new UsageError(`Cannot use option --reload: expected the path of a file, got ${location.module}`);
  return dirname(fileURLToPath(file));
}
