import { type Clock, systemClock } from "../../base/clock.ts";
import { milliseconds, millisecondsOrNull } from "../../base/duration.ts";
import { StreaqError } from "../../base/errors.ts";
import { randomId } from "../../base/id.ts";
import { checkOptionNames, type OptionNames } from "../../base/known_options.ts";
import { consoleLogger, type LeveledLogger, type Logger, safeLogger } from "../../base/log.ts";
import type { ClientOptions, RedisClient } from "../../redis/mod.ts";
import type { Lifespan } from "../context/lifespan.ts";
import { jsonSerializer } from "../records/json_serializer.ts";
import type { Serializer } from "../records/serializer.ts";
import { isTimeZone } from "../schedule/time_zone.ts";
import { defaultKeepFailed } from "../tasks/resolve_task_options.ts";
import { resolveRetry, type RetryPolicy } from "../tasks/retry_policy.ts";
import type { WorkerOptions } from "./worker_options.ts";

/** {@linkcode WorkerOptions} with all defaults filled in; durations are milliseconds. */
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
  readonly retry: RetryPolicy | null;
  readonly serializer: Serializer;
  readonly signingSecret: string | readonly string[] | undefined;
  readonly maxPayload: number;
  readonly timeZone: string;
  readonly handleSignals: boolean;
  readonly idleTimeout: number;
  readonly gracePeriod: number;
  /** 0 for not at all. */
  readonly keepFailed: number;
  readonly id: string;
  readonly logger: Logger;
  /** The default logger, whose level can be changed. */
  readonly consoleLogger: LeveledLogger;
  readonly clock: Clock;
  /** The clock of the machine, whatever `clock` is: a shutdown must finish although a test clock stands still. */
  readonly shutdownClock: Clock;
}

const names: OptionNames<WorkerOptions<unknown>> = {
  redisUrl: true,
  redisOptions: true,
  redis: true,
  queueName: true,
  concurrency: true,
  threadConcurrency: true,
  prefetch: true,
  priorities: true,
  lifespan: true,
  retry: true,
  serializer: true,
  signingSecret: true,
  maxPayload: true,
  timeZone: true,
  handleSignals: true,
  idleTimeout: true,
  gracePeriod: true,
  keepFailed: true,
  id: true,
  logger: true,
  clock: true,
};

/** Options that are not supported yet. */
const planned = {
  sentinelNodes: true,
  sentinelMaster: true,
  sentinelOptions: true,
  clusterNodes: true,
  interop: true,
  history: true,
} as const;

/** A shorter lease would expire between two heartbeats. */
const minIdleTimeout = 100;

/**
 * Checks options and fills in the defaults.
 *
 * @throws {RangeError | TypeError} When an option is invalid, or there is no such option.
 * @throws {StreaqError} When an option is not supported yet.
 */
export function resolveWorkerOptions<C>(options: WorkerOptions<C>): ResolvedWorkerOptions<C> {
  checkOptionNames(options, { ...names, ...planned });
  checkOnlyClient(options);
  for (const name in planned) {
    // Switched off, they are supported.
    if (!(options as Record<string, unknown>)[name]) continue;
    throw new StreaqError(`Cannot use option "${name}": it is not supported yet`);
  }
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
    retry = null,
    serializer = jsonSerializer,
    signingSecret,
    maxPayload = 1024 * 1024,
    timeZone = "UTC",
    handleSignals = true,
    idleTimeout = "60s",
    gracePeriod = "8s",
    keepFailed = defaultKeepFailed,
    id = randomId().slice(0, 8),
    logger,
    clock = systemClock,
  } = options;
  checkScheme(redisUrl);
  if (clock !== systemClock && !/^memory:/i.test(redisUrl)) {
    throw new TypeError('Cannot use option "clock" with Redis: only a memory:// queue takes a clock');
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
    retry: resolveRetry(retry),
    serializer,
    signingSecret,
    maxPayload: checkInteger("maxPayload", maxPayload, 1),
    timeZone: checkZone(timeZone),
    handleSignals,
    idleTimeout: milliseconds(idleTimeout, "idleTimeout"),
    gracePeriod: milliseconds(gracePeriod, "gracePeriod"),
    keepFailed: millisecondsOrNull(keepFailed, "keepFailed") ?? 0,
    id: checkName("id", id),
    logger: safeLogger(logger ?? ownLogger),
    consoleLogger: ownLogger,
    clock,
    shutdownClock: systemClock,
  };
  if (resolved.idleTimeout < minIdleTimeout) {
    throw new RangeError(
      `Cannot use option "idleTimeout": expected at least ${minIdleTimeout} ms, got ${resolved.idleTimeout} ms`,
    );
  }
  if (priorities.length === 0 || new Set(priorities).size < priorities.length) {
    throw new RangeError(
      `Cannot use option "priorities": expected at least one name, and each only once, got ${
        JSON.stringify(priorities)
      }`,
    );
  }
  return resolved;
}

/** An existing client has a server and options of its own. */
function checkOnlyClient(
  { redis, redisUrl, redisOptions = {} }: Pick<WorkerOptions<unknown>, "redis" | "redisUrl" | "redisOptions">,
): void {
  if (redis === undefined) return;
  const [name] = Object.keys(redisOptions);
  const other = redisUrl !== undefined ? "redisUrl" : name && `redisOptions.${name}`;
  if (!other) return;
  throw new TypeError(`Cannot use option "redis" with option "${other}": expected one of them, got both`);
}

function checkScheme(redisUrl: string): void {
  const [, scheme] = /^(redis\+(?:sentinel|cluster)):/i.exec(redisUrl) ?? [];
  if (scheme) throw new StreaqError(`Cannot use option "redisUrl" with scheme ${scheme}: it is not supported yet`);
}

function checkInteger(option: string, value: number, min: number): number {
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new RangeError(`Cannot use option "${option}": expected an integer >= ${min}, got ${value}`);
}

function checkZone(timeZone: unknown): string {
  if (isTimeZone(timeZone)) return timeZone;
  const shown = typeof timeZone === "string" ? JSON.stringify(timeZone.slice(0, 60)) : String(timeZone);
  throw new RangeError(`Cannot use option "timeZone": expected an IANA time zone, got ${shown}`);
}

/** Checks a name. Names are parts of keys, in which `:` separates them. */
function checkName(option: string, name: string): string {
  if (typeof name === "string" && name.length > 0 && name.length <= 200 && name.isWellFormed() && !name.includes(":")) {
    return name;
  }
  const shown = typeof name === "string" ? JSON.stringify(name.slice(0, 60)) : String(name);
  throw new TypeError(`Cannot use option "${option}": expected 1 to 200 characters without ":", got ${shown}`);
}
