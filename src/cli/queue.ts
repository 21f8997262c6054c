import type { Failure } from "../queue/failures/failure.ts";
import type { QueueClient } from "../queue/queue_client.ts";
import { setImportOnly } from "../queue/context/import_only.ts";
import { Worker } from "../queue/worker.ts";
import { type LoadedWorker, loadWorker, parseLocation } from "./load.ts";
import { UsageError } from "./verb.ts";

/** A queue that a verb looks at or changes. It may be that of another copy of this package. */
export type Queue = Pick<QueueClient, keyof QueueClient>;

/** Where a queue is: in the module of a worker, or at a URL. */
export type QueueSource =
  | { readonly module: string }
  | { readonly redisUrl: string; readonly queueName: string | undefined };

/** The options of every verb that opens a queue. */
export const queueOptions = {
  redis: { type: "string" },
  queue: { type: "string" },
  verbose: { type: "boolean" },
} as const;

/** The help about them. */
export const queueHelp =
  `The queue is that of the worker which the module exports: the export after the colon, or else "worker", or else
"default". The module is imported, but its worker is not run. Without a module:

  --redis URL     the URL of Redis
  --queue NAME    the name of the queue, "default" unless given

Records that are signed, or written with another serializer than the default one, can be read with the module only. Other
users of the machine can see the arguments of a program: use the module if the URL has a password.
`;

/** The help about the options of every verb. */
export const commonHelp = `  --verbose       prints the stack of an error
  --help          prints this help
`;

/**
 * Takes the place of the queue from the arguments of a verb: the first positional argument is the module, unless there is
 * `--redis`.
 *
 * @param action What the verb does, for the error: `list failures`.
 * @returns The place, and the other positional arguments.
 * @throws {UsageError} If none is given.
 */
export function takeSource(
  action: string,
  { redis, queue }: { redis?: string | undefined; queue?: string | undefined },
  positionals: readonly string[],
): [source: QueueSource, rest: readonly string[]] {
  if (redis !== undefined) return [{ redisUrl: redis, queueName: queue }, positionals];
  const [module, ...rest] = positionals;
  if (module === undefined) throw new UsageError(`Cannot ${action}: expected a module or --redis, got neither`);
  if (queue !== undefined) {
    throw new UsageError(`Cannot ${action}: expected --queue with --redis, got it with a module`);
  }
  return [{ module }, rest];
}

/** Opens a queue, passes it to `use`, and closes it. */
export async function withQueue<R>(source: QueueSource, use: (queue: Queue) => Promise<R>): Promise<R> {
  const worker = "module" in source ? await importWorker(source.module) : newWorker(source);
  try {
    checkServer(worker);
    return await use(worker);
  } finally {
    setImportOnly(false);
    await worker.close();
  }
}

/** How long to try to connect to a URL: less than by default, as the user waits meanwhile. */
const connectTimeout = "3s";

function newWorker({ redisUrl, queueName }: { redisUrl: string; queueName: string | undefined }): LoadedWorker {
  try {
    const worker = new Worker({
      redisUrl,
      queueName,
      redisOptions: /^memory:/i.test(redisUrl) ? {} : { connectTimeout },
    });
    worker.logLevel = "error";
    return worker;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Imports a module whose worker must neither run nor close, although the module may say so. */
async function importWorker(module: string): Promise<LoadedWorker> {
  setImportOnly(true);
  const worker = await loadWorker(parseLocation(module));
  // Standard output is for what the verb prints.
  worker.logLevel = "error";
  return worker;
}

function checkServer(queue: Queue): void {
  try {
    void queue.redis;
  } catch (cause) {
    const reason = "it is in memory, where no other process can reach it";
    throw new Error(`Cannot open queue ${queue.queueName}: ${reason}`, { cause });
  }
}

/** Whether the record of a failure could be read: every result names a worker. */
export function isReadable({ workerId }: Pick<Failure, "workerId">): boolean {
  return workerId !== "";
}

/** Reads the server's clock, by which failures and delays are measured; in Unix milliseconds. */
export async function serverTime(queue: Queue): Promise<number> {
  const [seconds, microseconds] = await queue.redis.command<[string, string]>(["TIME"]);
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}
