import { type Clock, systemClock } from "../../base/clock.ts";
import { type Duration, milliseconds } from "../../base/duration.ts";
import { consoleLogger, type LeveledLogger, type Logger, safeLogger } from "../../base/log.ts";
import type { ClientOptions, RedisClient } from "../../redis/mod.ts";
import type { Lifespan } from "../context/lifespan.ts";
import { randomId } from "../../base/id.ts";
import { jsonSerializer } from "../records/json_serializer.ts";
import type { Serializer } from "../records/serializer.ts";

/** What a worker is; every field has a default. */
export interface WorkerOptions<C> {
  /**
   * Where Redis is: `redis://`, `rediss://` (TLS) or `unix://`, with `user:password@` and `/database`.
   *
   * `memory://` or `memory://name` needs no server: all workers of this process with the same URL and `queueName` share a
   * queue in its memory, for development and tests. It is gone with the process. It holds at most 2,000,000 tasks that have
   * not ended, and 1 GiB of records, inputs and results; more tasks are refused.
   *
   * @default {"redis://localhost:6379"}
   */
  redisUrl?: string | undefined;
  /** What the URL does not say: credentials, TLS, timeouts; nothing with `memory://`. */
  redisOptions?: ClientOptions | undefined;
  /** An existing client to use instead of a URL; several workers may share it, and it is left open. */
  redis?: RedisClient | undefined;
  /**
   * The name of the queue, without `:`.
   *
   * @default {"default"}
   */
  queueName?: string | undefined;
  /**
   * How many tasks run at once in this process.
   *
   * @default {16}
   */
  concurrency?: number | undefined;
  /**
   * How many of those run in threads at most.
   *
   * @default {concurrency}
   */
  threadConcurrency?: number | undefined;
  /**
   * How many tasks are read ahead at most; 0 switches reading ahead off.
   *
   * @default {concurrency}
   */
  prefetch?: number | undefined;
  /**
   * The priorities of the queue, from lowest to highest, without `:`.
   *
   * @default {["normal"]}
   */
  priorities?: readonly string[] | undefined;
  /** Opens what tasks need, yields it once as the worker's context, and closes it after the run. */
  lifespan?: Lifespan<C> | undefined;
  /**
   * How arguments and results become stored records.
   *
   * @default {jsonSerializer}
   */
  serializer?: Serializer | undefined;
  /**
   * Signs every record with HMAC-SHA-256, and refuses what is not signed. Of a list the first secret signs, and all
   * verify, so that a secret can be replaced.
   *
   * @default {undefined}
   */
  signingSecret?: string | readonly string[] | undefined;
  /**
   * The largest record of a task or a result, in bytes.
   *
   * @default {1048576}
   */
  maxPayload?: number | undefined;
  /**
   * The IANA time zone of cron expressions.
   *
   * @default {"UTC"}
   */
  timeZone?: string | undefined;
  /**
   * Whether SIGINT and SIGTERM shut the worker down gracefully while it runs.
   *
   * @default {true}
   */
  handleSignals?: boolean | undefined;
  /**
   * A task whose worker gives no sign of life this long is taken over, at least 100 ms.
   *
   * @default {"60s"}
   */
  idleTimeout?: Duration | undefined;
  /**
   * How long running tasks may go on after a shutdown was asked for.
   *
   * @default {0}
   */
  gracePeriod?: Duration | undefined;
  /**
   * The worker's id in results and logs.
   *
   * @default {8 random hex characters}
   */
  id?: string | undefined;
  /**
   * Where log lines go.
   *
   * @default {console}
   */
  logger?: Logger | undefined;
  /**
   * The time that everything goes by: a `TestClock` of `@q/streaq/testing`, with `memory://`.
   *
   * @default {the time of the machine}
   */
  clock?: Clock | undefined;
}

/** {@linkcode WorkerOptions} with nothing left open; spans are milliseconds. */
export interface ResolvedWorkerOptions<C> {
  readonly redisUrl: string;
  readonly redisOptions: ClientOptions;
  readonly redis: RedisClient | undefined;
  readonly queueName: string;
  readonly concurrency: number;
  readonly threadConcurrency: number;
  readonly prefetch: number;
  readonly priorities: readonly string[];
  readonly lifespan: Lifespan<C> | undefined;
  readonly serializer: Serializer;
  readonly signingSecret: string | readonly string[] | undefined;
  readonly maxPayload: number;
  readonly timeZone: string;
  readonly handleSignals: boolean;
  readonly idleTimeout: number;
  readonly gracePeriod: number;
  readonly id: string;
  readonly logger: Logger;
  /** The logger, when it is the default one. */
  readonly consoleLogger: LeveledLogger;
  readonly clock: Clock;
  /** The time of the machine, whatever the clock: by it a worker comes to its end. */
  readonly shutdownClock: Clock;
}

/** A shorter lease would run out between two signs of life. */
const shortestIdleTimeout = 100;

/**
 * Checks options and fills in the defaults.
 *
 * @throws {RangeError | TypeError} When a value is none of those allowed.
 */
export function resolveWorkerOptions<C>(options: WorkerOptions<C>): ResolvedWorkerOptions<C> {
  const {
    redisUrl = "redis://localhost:6379",
    redisOptions = {},
    redis,
    queueName = "default",
    concurrency = 16,
    threadConcurrency = concurrency,
    prefetch = concurrency,
    priorities = ["normal"],
    lifespan,
    serializer = jsonSerializer,
    signingSecret,
    maxPayload = 1024 * 1024,
    timeZone = "UTC",
    handleSignals = true,
    idleTimeout = "60s",
    gracePeriod = 0,
    id = randomId().slice(0, 8),
    logger,
    clock = systemClock,
  } = options;
  if (clock !== systemClock && !/^memory:/i.test(redisUrl)) {
    throw new TypeError("Invalid clock, a time of its own has only a queue in memory, with redisUrl: memory://");
  }
  const ownLogger = consoleLogger({ clock });
  const resolved = {
    redisUrl,
    redisOptions,
    redis,
    queueName: checkName("queueName", queueName),
    concurrency: checkInteger("concurrency", concurrency, 1),
    threadConcurrency: checkInteger("threadConcurrency", threadConcurrency, 1),
    prefetch: checkInteger("prefetch", prefetch, 0),
    priorities: priorities.map((priority) => checkName("priorities", priority)),
    lifespan,
    serializer,
    signingSecret,
    maxPayload: checkInteger("maxPayload", maxPayload, 1),
    timeZone: checkTimeZone(timeZone),
    handleSignals,
    idleTimeout: milliseconds(idleTimeout, "idleTimeout"),
    gracePeriod: milliseconds(gracePeriod, "gracePeriod"),
    id: checkName("id", id),
    logger: safeLogger(logger ?? ownLogger),
    consoleLogger: ownLogger,
    clock,
    shutdownClock: systemClock,
  };
  if (resolved.idleTimeout < shortestIdleTimeout) {
    throw new RangeError(`Invalid idleTimeout, expected at least ${shortestIdleTimeout} ms: ${idleTimeout}`);
  }
  if (priorities.length === 0 || new Set(priorities).size < priorities.length) {
    throw new RangeError(`Invalid priorities, expected different names, at least one: ${JSON.stringify(priorities)}`);
  }
  return resolved;
}

function checkInteger(name: string, value: number, lowest: number): number {
  if (Number.isSafeInteger(value) && value >= lowest) return value;
  throw new RangeError(`Invalid ${name}, expected a whole number from ${lowest} on: ${value}`);
}

function checkTimeZone(timeZone: string): string {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
    return timeZone;
  } catch (cause) {
    throw new RangeError(`Invalid timeZone, expected an IANA name: ${timeZone}`, { cause });
  }
}

/** Names are parts of keys. */
function checkName(option: string, name: string): string {
  if (typeof name === "string" && name.length > 0 && name.length <= 200 && name.isWellFormed() && !name.includes(":")) {
    return name;
  }
  const shown = typeof name === "string" ? JSON.stringify(name.slice(0, 60)) : String(name);
  throw new TypeError(`Invalid ${option}, expected a name of at most 200 characters without ":": ${shown}`);
}
