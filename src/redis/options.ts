import { type Clock, systemClock } from "../base/clock.ts";
import { type Duration, milliseconds } from "../base/duration.ts";
import { checkOptionNames, type OptionNames } from "../base/known_options.ts";
import type { Logger } from "../base/log.ts";
import type { DecoderLimits } from "../resp/decoder.ts";
import type { RetryLimits } from "../base/backoff.ts";
import type { TlsOptions } from "./transport.ts";
import { parseUrl, type Target } from "./url.ts";

/** Options of {@linkcode createClient}. What is also in the URL is taken from here. */
export interface ClientOptions {
  /** The user to log in as. Without one but with a password, the server's user `default`. */
  username?: string | undefined;
  /** The password to log in with. */
  password?: string | undefined;
  /**
   * The number of the database.
   *
   * @default {0}
   */
  database?: number | undefined;
  /**
   * Options of `node:tls`, such as `ca`, `cert`, `key`, `servername` and `rejectUnauthorized`. Encrypts the
   * connection, as `rediss://` does.
   */
  tls?: TlsOptions | undefined;
  /**
   * How long to try to connect, before commands that wait for the connection are rejected.
   *
   * @default {"10s"}
   */
  connectTimeout?: Duration | undefined;
  /**
   * The shortest and the longest wait between two attempts to connect; it doubles each time, and is drawn at random
   * from that range. `false`: a failed attempt rejects at once, and a lost connection is not replaced.
   *
   * @default {{ min: 50, max: 2000 }}
   */
  retry?: false | { readonly min?: Duration | undefined; readonly max?: Duration | undefined } | undefined;
  /** The name of the connections, as `CLIENT LIST` shows it. Without spaces. */
  name?: string | undefined;
  /**
   * How long a connection that somebody waits for may be silent before it is asked for a sign of life.
   *
   * @default {"5s"}
   */
  pingInterval?: Duration | undefined;
  /**
   * The same for a connection that nobody waits for.
   *
   * @default {"30s"}
   */
  idlePingInterval?: Duration | undefined;
  /**
   * How long a server that owes an answer may be silent before the connection is given up. It must be longer than the
   * slowest command.
   *
   * @default {"10s"}
   */
  silenceTimeout?: Duration | undefined;
  /**
   * How many commands may wait for a lost connection to come back.
   *
   * @default {100_000}
   */
  maxQueued?: number | undefined;
  /**
   * How many bytes of commands may wait for a lost connection to come back.
   *
   * @default {67_108_864}
   */
  maxQueuedBytes?: number | undefined;
  /**
   * How many bytes of commands may be sent ahead of their replies. More wait in the client.
   *
   * @default {16_777_216}
   */
  maxInFlightBytes?: number | undefined;
  /** How large a reply may be. */
  limits?: DecoderLimits | undefined;
  /** Told about lost and restored connections; nobody when left out. */
  logger?: Logger | undefined;
  /** Where time comes from; for tests. */
  clock?: Clock | undefined;
}

const names: OptionNames<ClientOptions> = {
  username: true,
  password: true,
  database: true,
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

/** {@linkcode ClientOptions} with every default filled in. */
export interface Settings {
  readonly target: Target;
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
  readonly logger: Logger | undefined;
  readonly clock: Clock;
}

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} When the URL or an option is of no use.
 * @throws {RangeError} When a number or a duration is out of range.
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
    logger,
    clock = systemClock,
  } = options;
  const target = parseUrl(url);
  const { username = target.username, password = target.password, database = target.database } = options;
  if (username !== undefined && password === undefined) {
    throw new TypeError("A user name needs a password");
  }
  if (name !== undefined && !/^[!-~]+$/.test(name)) {
    throw new TypeError(`Invalid name, expected visible ASCII without spaces: ${JSON.stringify(name)}`);
  }
  return {
    target: {
      ...target,
      tls: target.tls || tls !== undefined,
      username,
      password,
      database: whole(database, "database", 0),
    },
    tls,
    connectTimeout: positive(connectTimeout, "connectTimeout"),
    retry: retry && retryLimits(retry),
    name,
    pingInterval: positive(pingInterval, "pingInterval"),
    idlePingInterval: positive(idlePingInterval, "idlePingInterval"),
    silenceTimeout: positive(silenceTimeout, "silenceTimeout"),
    maxQueued: whole(maxQueued, "maxQueued", 0),
    maxQueuedBytes: whole(maxQueuedBytes, "maxQueuedBytes", 0),
    maxInFlightBytes: whole(maxInFlightBytes, "maxInFlightBytes", 1),
    limits,
    logger,
    clock,
  };
}

function retryLimits(
  { min = 50, max = 2000 }: { min?: Duration | undefined; max?: Duration | undefined },
): RetryLimits {
  const limits = { min: milliseconds(min, "retry.min"), max: milliseconds(max, "retry.max") };
  if (limits.min > limits.max) {
    throw new RangeError(`Invalid retry, expected min to be at most max: ${limits.min} and ${limits.max}`);
  }
  return limits;
}

function positive(duration: Duration, name: string): number {
  const ms = milliseconds(duration, name);
  if (ms === 0) throw new RangeError(`Invalid ${name}, expected a duration above 0: ${duration}`);
  return ms;
}

function whole(value: number, name: string, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`Invalid ${name}, expected a whole number from ${least} on: ${value}`);
  }
  return value;
}
