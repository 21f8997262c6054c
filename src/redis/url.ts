/** Address of a server, and the user and database to use. */
export interface Target {
  /** A host and a port, or the path of a Unix socket. */
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
  /** Whether the connection is encrypted. */
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly database: number;
}

/** The parts of a URL. */
export interface ParsedUrl extends Target {
  readonly password: string | undefined;
}

const schemes = ["redis:", "rediss:", "valkey:", "valkeys:", "unix:"];
const queryKeys = ["db", "username", "password"];

/**
 * Parses `redis://` and `rediss://` (TLS) URLs, `valkey://` and `valkeys://`, which mean the same, and `unix://`.
 *
 * - `redis://user:password@host:6379/1`: everything except the scheme is optional; credentials are percent-encoded.
 * - `unix://user:password@/run/redis.sock?db=1`
 *
 * `db`, `username` and `password` may also be query parameters.
 *
 * @throws {TypeError} If the URL is invalid. The error contains the URL without its password.
 */
export function parseUrl(text: string): ParsedUrl {
  const invalid = (why: string): TypeError => new TypeError(`Cannot use Redis URL ${withoutSecrets(text)}: ${why}`);

  // The URL standard requires a host after user information; the path of a socket has none.
  const whole = String(text).replace(/^(unix:\/\/[^/]*@)(?=\/)/i, "$1localhost");
  const url = URL.canParse(whole) ? new URL(whole) : null;
  if (!url) throw invalid("expected a URL such as redis://user:password@localhost:6379/0");
  if (!schemes.includes(url.protocol)) throw invalid("expected the scheme redis, rediss, valkey, valkeys or unix");
  if (url.hash) throw invalid('expected no fragment; write "#" in a password as %23');

  // A plus is a plus: only forms write spaces that way.
  const query = new Map(new URLSearchParams(url.search.replaceAll("+", "%2B")));
  for (const key of query.keys()) {
    if (!queryKeys.includes(key)) {
      throw invalid(`expected the query parameters db, username or password, got ${JSON.stringify(key)}`);
    }
  }
  const once = (name: string, one: string | undefined, other: string | undefined): string | undefined => {
    if (one !== undefined && other !== undefined) throw invalid(`expected one ${name}, got two`);
    return one ?? other;
  };
  const decoded = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw invalid('expected two hexadecimal digits after each "%"');
    }
  };

  const unix = url.protocol === "unix:";
  const path = decoded(url.pathname);
  const inPath = unix || path === "" || path === "/" ? undefined : path.slice(1);
  const database = once("database", inPath, query.get("db")) ?? "0";
  if (!/^\d{1,9}$/.test(database)) throw invalid("expected an integer >= 0 as the database");
  if (unix && url.host !== "" && whole === text) throw invalid("expected three slashes before the path of the socket");
  if (unix && path.length < 2) throw invalid("expected the path of a socket");
  if (url.port === "0") throw invalid("expected a port from 1 to 65535");

  return {
    address: unix ? { path } : {
      host: decoded(url.hostname).replace(/^\[(.*)\]$/, "$1") || "localhost",
      port: Number(url.port || 6379),
    },
    tls: url.protocol === "rediss:" || url.protocol === "valkeys:",
    username: once("user name", decoded(url.username) || undefined, query.get("username")),
    password: once("password", decoded(url.password) || undefined, query.get("password")),
    database: Number(database),
  };
}

/** Formats a target for errors and log lines, as a URL without the password. */
export function displayUrl({ address, tls, username, database }: Target): string {
  const user = username ? `${encodeURIComponent(username)}@` : "";
  if ("path" in address) return `unix://${user}${address.path}${database ? `?db=${database}` : ""}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${tls ? "rediss" : "redis"}://${user}${host}:${address.port}${database ? `/${database}` : ""}`;
}

/** Formats an invalid URL without anything that may be a password, which may be in the place of a host or a port. */
function withoutSecrets(text: unknown): string {
  if (typeof text !== "string") return String(text);
  return JSON.stringify(
    text
      .replace(/^([a-z][a-z0-9+.-]*:\/*)?.*@/is, "$1***@")
      .replace(/((?:^|\/\/|@)[^/?#@:]*:)(?!\d+(?:[/?#]|$)|\/\/)[^/?#]*/s, "$1***")
      .replace(/([?&]password=)[^&#]*/gi, "$1***")
      .replace(/#.*/s, "#***"),
  );
}
