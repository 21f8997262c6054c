import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { displayUrl, parseUrl } from "../../src/redis/url.ts";

const tcp = { host: "localhost", port: 6379 };

describe("parseUrl()", () => {
  const cases: [string, Partial<ReturnType<typeof parseUrl>>][] = [
    ["redis://localhost:6379", { address: tcp, tls: false }],
    ["redis://localhost", { address: tcp }],
    ["redis://", { address: tcp }],
    ["redis:///3", { address: tcp, database: 3 }],
    ["REDIS://LOCALHOST/3", { address: { host: "LOCALHOST", port: 6379 }, database: 3 }],
    ["redis://127.0.0.1:7000/", { address: { host: "127.0.0.1", port: 7000 }, database: 0 }],
    ["redis://[::1]:7000/1", { address: { host: "::1", port: 7000 }, database: 1 }],
    ["redis://[2001:db8::7]", { address: { host: "2001:db8::7", port: 6379 } }],
    ["rediss://cache.example.org", { address: { host: "cache.example.org", port: 6379 }, tls: true }],
    ["redis://:secret@localhost", { username: undefined, password: "secret" }],
    ["redis://app:p%40s%2Fs%23w%25rd%3A@localhost", { username: "app", password: "p@s/s#w%rd:" }],
    ["redis://%C3%BC:%E2%82%AC@localhost", { username: "ü", password: "€" }],
    ["redis://a:b+c@localhost", { password: "b+c" }],
    ["redis://localhost?password=b+c", { password: "b+c" }],
    ["redis://localhost?password=b%20c", { password: "b c" }],
    ["valkey://cache:7000/1", { address: { host: "cache", port: 7000 }, tls: false, database: 1 }],
    ["valkeys://cache.example.org", { address: { host: "cache.example.org", port: 6379 }, tls: true }],
    ["redis://localhost?db=2", { database: 2 }],
    ["redis://localhost?username=app&password=x%26y", { username: "app", password: "x&y" }],
    ["unix:///run/redis.sock", { address: { path: "/run/redis.sock" }, tls: false, database: 0 }],
    ["unix://app:pw@/run/redis.sock?db=1", {
      address: { path: "/run/redis.sock" },
      username: "app",
      password: "pw",
      database: 1,
    }],
    ["unix:///run/a%20b.sock", { address: { path: "/run/a b.sock" } }],
  ];
  for (const [url, expected] of cases) {
    it(`parses ${url}`, () => {
      const target = parseUrl(url);
      const found = Object.fromEntries(Object.keys(expected).map((key) => [key, target[key as keyof typeof target]]));
      assertEquals<unknown>(found, expected);
    });
  }

  const junk: [string, string][] = [
    ["localhost:6379", "expected the scheme redis, rediss, valkey, valkeys or unix"],
    ["http://localhost", "expected the scheme redis, rediss, valkey, valkeys or unix"],
    ["not a url", "expected a URL such as redis://"],
    ["", "expected a URL such as redis://"],
    ["redis://localhost:99999", "expected a URL such as redis://"],
    ["redis://localhost:0", "expected a port from 1 to 65535"],
    ["redis://localhost:port", "expected a URL such as redis://"],
    ["redis://localhost/one", "expected an integer >= 0 as the database"],
    ["redis://localhost/-1", "expected an integer >= 0 as the database"],
    ["redis://localhost/1.5", "expected an integer >= 0 as the database"],
    ["redis://localhost/1/2", "expected an integer >= 0 as the database"],
    ["redis://localhost/1?db=1", "expected one database, got two"],
    ["redis://:a@localhost?password=b", "expected one password, got two"],
    ["redis://localhost?timeout=5", 'expected the query parameters db, username or password, got "timeout"'],
    ["redis://localhost#1", "expected no fragment"],
    ["redis://a:%zz@localhost", 'expected two hexadecimal digits after each "%"'],
    ["unix://host/run/redis.sock", "expected three slashes"],
    ["unix://", "expected the path of a socket"],
    ["unix:///", "expected the path of a socket"],
  ];
  for (const [url, reason] of junk) {
    it(`refuses ${JSON.stringify(url)}`, () => {
      const error = assertThrows(() => parseUrl(url), TypeError, reason);
      assert(error.message.startsWith("Cannot use Redis URL "));
    });
  }

  const leaky = [
    "redis://:hunter2@localhost:99999",
    "redis://user:hunter2@localhost/one",
    "redis://user:hunter2",
    "redis://user:hunter2/0",
    "redis://:hunter2/with/slash@localhost",
    "redis://:hunter2#x@localhost",
    "redis://:hunter2%zz@localhost",
    "redis://:x@hunter2@localhost:port",
    "redis://localhost/one?password=hunter2",
    "redis://localhost:6379#hunter2",
    "user:hunter2@localhost",
    "http://user:hunter2@localhost",
    "unix://user:hunter2@host/path",
    "redis://user:hunter2\n@localhost:99999",
  ];
  for (const url of leaky) {
    it(`refuses ${JSON.stringify(url)} without its password in the message`, () => {
      const error = assertThrows(() => parseUrl(url), TypeError);
      assert(!error.message.includes("hunter2"), error.message);
    });
  }

  it("refuses a value that is not a string", () => {
    assertThrows(() => parseUrl(undefined as unknown as string), TypeError, "undefined");
    assertThrows(() => parseUrl({} as unknown as string), TypeError);
  });
});

describe("displayUrl()", () => {
  const cases = [
    ["redis://localhost", "redis://localhost:6379"],
    ["rediss://app:secret@[::1]:7000/2", "rediss://app@[::1]:7000/2"],
    ["redis://:secret@localhost/0", "redis://localhost:6379"],
    ["unix://app:secret@/run/redis.sock?db=1", "unix://app@/run/redis.sock?db=1"],
  ] as const;
  for (const [url, shown] of cases) {
    it(`formats ${url} as ${shown}`, () => assertEquals(displayUrl(parseUrl(url)), shown));
  }
});
