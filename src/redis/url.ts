/** Where a server listens, and as whom to talk to it. */
export interface Target {
  /** A host and a port, or the path of a Unix socket. */
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
  /** Whether the connection is encrypted. */
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

const schemes = ["redis:", "rediss:", "unix:"];
const queryKeys = ["db", "username", "password"];

/**
 * Reads `redis://`, `rediss://` (TLS) and `unix://` URLs.
 *
 * - `redis://user:password@host:6379/1`: everything but the scheme may be left out; credentials are percent-encoded.
 * - `unix://user:password@/run/redis.sock?db=1`
 *
 * `db`, `username` and `password` may also stand in the query.
 *
 * @throws {TypeError} When it is no such URL. The error names the URL without its password.
 */
export function parseUrl(text: string): Target {
  const invalid = (why: string): TypeError => new TypeError(`Invalid Redis URL, ${why}: ${withoutSecrets(text)}`);

  // The URL standard wants a host where there is a user; a socket has none.
  const whole = String(text).replace(/^(unix:\/\/[^/]*@)(?=\/)/i, "$1localhost");
  const url = URL.canParse(whole) ? new URL(whole) : null;
  if (!url) throw invalid("expected one like redis://user:password@localhost:6379/0");
  if (!schemes.includes(url.protocol)) throw invalid("expected the scheme redis, rediss or unix");
  if (url.hash) throw invalid('expected no fragment (a "#" in a password is written %23)');

  const query = new Map(url.searchParams);
  for (const key of query.keys()) {
    if (!queryKeys.includes(key)) throw invalid(`the query key ${JSON.stringify(key)} is not known`);
  }
  const once = (name: string, one: string | undefined, other: string | undefined): string | undefined => {
    if (one !== undefined && other !== undefined) throw invalid(`the ${name} is given twice`);
    return one ?? other;
  };
  const decoded = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw invalid('a "%" is not followed by two hexadecimal digits');
    }
  };

  const unix = url.protocol === "unix:";
  const path = decoded(url.pathname);
  const inPath = unix || path === "" || path === "/" ? undefined : path.slice(1);
  const database = once("database", inPath, query.get("db")) ?? "0";
  if (!/^\d{1,9}$/.test(database)) throw invalid("expected a database number");
  if (unix && url.host !== "" && whole === text) throw invalid("expected three slashes before the path of a socket");
  if (unix && path.length < 2) throw invalid("expected the path of a socket");
  if (url.port === "0") throw invalid("expected a port from 1 to 65535");

  return {
    address: unix ? { path } : {
      host: decoded(url.hostname).replace(/^\[(.*)\]$/, "$1") || "localhost",
      port: Number(url.port || 6379),
    },
    tls: url.protocol === "rediss:",
    username: once("user name", decoded(url.username) || undefined, query.get("username")),
    password: once("password", decoded(url.password) || undefined, query.get("password")),
    database: Number(database),
  };
}

/** How a target is called in errors and log lines: a URL without the password. */
export function displayUrl({ address, tls, username, database }: Target): string {
  const user = username ? `${encodeURIComponent(username)}@` : "";
  if ("path" in address) return `unix://${user}${address.path}${database ? `?db=${database}` : ""}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${tls ? "rediss" : "redis"}://${user}${host}:${address.port}${database ? `/${database}` : ""}`;
}

/** A URL that could not be read, without whatever may be a password: it may stand where a host or a port should. */
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
