import { type Clock, systemClock } from "../base/clock.ts";
import { type Duration, milliseconds } from "../base/duration.ts";
import { checkOptionNames, checkOptionSpelling, type OptionNames } from "../base/known_options.ts";
import { type Logger, safeLogger } from "../base/log.ts";
import type { DecoderLimits } from "../resp/decoder.ts";
import type { RetryLimits } from "../base/backoff.ts";
import { Dialect } from "./dialect.ts";
import type { TlsOptions } from "./transport.ts";
import { ProcessHold } from "./process_hold.ts";
import { parseUrl, type Target } from "./url.ts";

/** A password, or a function that returns one. If it throws, or takes too long, the attempt to connect has failed. */
export type Password = string | (() => string | Promise<string>);

/** Options of {@linkcode createClient}. They override the URL. */
export interface ClientOptions {
  /** User name. With a password only, it is the user `default` of the server. */
  username?: string | undefined;
  /** Password, or a function that is asked for one at each connect, such as for a token that soon expires. */
  password?: Password | undefined;
  /**
   * Number of the database.
   *
   * @default {0}
   */
  database?: number | undefined;
  /**
   * Version of RESP. With `2`, no `HELLO` is sent, for servers that do not answer it in any known way. By default, RESP3
   * is used if the server supports it, and RESP2 if the server refuses `HELLO` or closes the connection after it.
   */
  protocol?: 2 | 3 | undefined;
  /**
   * Options of `node:tls`, such as `ca`, `cert`, `key`, `servername` and `rejectUnauthorized`. Like `rediss://`, they
   * enable TLS. Other options of `node:tls` are passed on unchecked; a misspelt one of these five throws.
   */
  tls?: TlsOptions | undefined;
  /**
   * How long to try to connect before the commands that wait for a connection are rejected.
   *
   * @default {"10s"}
   */
  connectTimeout?: Duration | undefined;
  /**
   * Shortest and longest wait between two attempts to connect. The wait is random, with an upper bound that doubles
   * with each attempt. With `false`, a failed attempt rejects immediately and a lost connection is not replaced.
   *
   * @default {{ min: 50, max: 2000 }}
   */
  retry?: false | { readonly min?: Duration | undefined; readonly max?: Duration | undefined } | undefined;
  /** Name of the connections in `CLIENT LIST`: visible ASCII characters without spaces. */
  name?: string | undefined;
  /**
   * How long a connection may be silent before it is pinged, if a caller waits for messages on it.
   *
   * @default {"5s"}
   */
  pingInterval?: Duration | undefined;
  /**
   * How long an idle connection may be silent before it is pinged.
   *
   * @default {"30s"}
   */
  idlePingInterval?: Duration | undefined;
  /**
   * How long a server may be silent while a command has no reply, before the connection is considered lost. It must be
   * longer than the slowest command takes.
   *
   * @default {"10s"}
   */
  silenceTimeout?: Duration | undefined;
  /**
   * Maximum number of commands that wait for a connection. Further ones reject with the code `FULL`.
   *
   * @default {100_000}
   */
  maxQueued?: number | undefined;
  /**
   * Maximum size in bytes of the commands that wait for a connection. Further ones reject with the code `FULL`.
   *
   * @default {67_108_864}
   */
  maxQueuedBytes?: number | undefined;
  /**
   * Maximum size in bytes of the commands that are in flight. Further ones wait in the client.
   *
   * @default {16_777_216}
   */
  maxInFlightBytes?: number | undefined;
  /** Upper limits for replies. */
  limits?: DecoderLimits | undefined;
  /** Receives log lines about failed, lost and restored connections; without one, nothing is logged. */
  logger?: Logger | undefined;
  /** Source of time, for tests; the clock of the machine unless given. */
  clock?: Clock | undefined;
}

const names: OptionNames<ClientOptions> = {
  username: true,
  password: true,
  database: true,
  protocol: true,
  tls: true,
  connectTimeout: true,
  retry: true,
  name: true,
  pingInterval: true,
  idlePingInterval: true,
  silenceTimeout: true,
  maxQueued: true,
  maxQueuedBytes: true,
  maxInFlightBytes: true,
  limits: true,
  logger: true,
  clock: true,
};

const retryNames = { min: true, max: true } as const;
const limitNames: OptionNames<DecoderLimits> = { bulkBytes: true, depth: true, elements: true, lineBytes: true };
/** `node:tls` has further options, which depend on the runtime. */
const commonTlsNames = ["ca", "cert", "key", "servername", "rejectUnauthorized"];

/** {@linkcode ClientOptions}, checked and with defaults. Durations are in milliseconds. */
export interface Settings {
  readonly target: Target;
  readonly password: Password | undefined;
  readonly protocol: 2 | 3;
  readonly tls: TlsOptions | undefined;
  readonly connectTimeout: number;
  readonly retry: RetryLimits | false;
  readonly name: string | undefined;
  readonly pingInterval: number;
  readonly idlePingInterval: number;
  readonly silenceTimeout: number;
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly maxInFlightBytes: number;
  readonly limits: DecoderLimits | undefined;
  readonly dialect: Dialect;
  readonly hold: ProcessHold;
  readonly logger: Logger | undefined;
  readonly clock: Clock;
}

/**
 * Checks a URL and options, and fills in the defaults.
 *
 * @throws {TypeError} If the URL or an option is invalid.
 * @throws {RangeError} If a number or a duration is out of range.
 */
export function settingsOf(url: string, options: ClientOptions): Settings {
  checkOptionNames(options, names);
  const {
    connectTimeout = "10s",
    retry = {},
    name,
    pingInterval = "5s",
    idlePingInterval = "30s",
    silenceTimeout = "10s",
    maxQueued = 100_000,
    maxQueuedBytes = 64 * 1024 * 1024,
    maxInFlightBytes = 16 * 1024 * 1024,
    limits,
    tls,
    protocol = 3,
    logger,
    clock = systemClock,
  } = options;
  if (retry !== false) checkOptionNames(retry, retryNames, "retry");
  checkOptionNames(limits, limitNames, "limits");
  checkOptionSpelling(tls, commonTlsNames, "tls");
  const target = parseUrl(url);
  const { username = target.username, password = target.password, database = target.database } = options;
  if (username !== undefined && password === undefined) {
    throw new TypeError(`Cannot use user name ${JSON.stringify(username)}: expected a password too, got none`);
  }
  if (password !== undefined && typeof password !== "string" && typeof password !== "function") {
    throw new TypeError(`Cannot use option "password": expected a string or a function, got ${typeof password}`);
  }
  if (protocol !== 2 && protocol !== 3) {
    throw new RangeError(`Cannot use option "protocol": expected 2 or 3, got ${protocol}`);
  }
  if (name !== undefined && !/^[!-~]+$/.test(name)) {
    const expected = "expected visible ASCII characters without spaces";
    throw new TypeError(`Cannot use option "name": ${expected}, got ${JSON.stringify(name)}`);
  }
  return {
    dialect: new Dialect(),
    hold: new ProcessHold(),
    target: {
      address: target.address,
      tls: target.tls || tls !== undefined,
      username,
      database: integer(database, "database", 0),
    },
    password,
    protocol,
    tls,
    connectTimeout: positive(connectTimeout, "connectTimeout"),
    retry: retry && retryLimits(retry),
    name,
    pingInterval: positive(pingInterval, "pingInterval"),
    idlePingInterval: positive(idlePingInterval, "idlePingInterval"),
    silenceTimeout: positive(silenceTimeout, "silenceTimeout"),
    maxQueued: integer(maxQueued, "maxQueued", 0),
    maxQueuedBytes: integer(maxQueuedBytes, "maxQueuedBytes", 0),
    maxInFlightBytes: integer(maxInFlightBytes, "maxInFlightBytes", 1),
    limits,
    logger: logger && safeLogger(logger),
    clock,
  };
}

function retryLimits(
  { min = 50, max = 2000 }: { min?: Duration | undefined; max?: Duration | undefined },
): RetryLimits {
  const limits = { min: milliseconds(min, "retry.min"), max: milliseconds(max, "retry.max") };
  if (limits.min > limits.max) {
    throw new RangeError(
      `Cannot use option "retry": expected min <= max, got min ${limits.min} ms and max ${limits.max} ms`,
    );
  }
  return limits;
}

function positive(duration: Duration, option: string): number {
  const ms = milliseconds(duration, option);
  if (ms === 0) throw new RangeError(`Cannot use option "${option}": expected a duration > 0, got ${duration}`);
  return ms;
}

function integer(value: number, option: string, minimum: number): number {
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw new RangeError(`Cannot use option "${option}": expected an integer >= ${minimum}, got ${value}`);
  }
  return value;
}
