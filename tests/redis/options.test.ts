import { describe, it } from "node:test";
import { assertRejects, assertThrows } from "@std/assert";
import { createClient } from "../../src/redis/mod.ts";
import { startRedis } from "../support/redis_server.ts";

const url = "redis://localhost:1";

describe("options of the client", () => {
  it("with an unknown name inside another option are refused, with the nearest one that exists", () => {
    const cases: [bag: string, name: string, nearest: string][] = [
      ["retry", "maks", "max"],
      ["limits", "elemnts", "elements"],
      ["tls", "serverName", "servername"],
      ["tls", "rejectUnauthorised", "rejectUnauthorized"],
      ["tls", "certs", "cert"],
    ];
    for (const [bag, name, nearest] of cases) {
      const message = `Cannot use option "${bag}.${name}": there is no such option, did you mean "${bag}.${nearest}"?`;
      assertThrows(() => createClient(url, { [bag]: { [name]: 1 } }), TypeError, message);
    }
    const message = 'Cannot use option "retry.attempts": there is no such option, expected one of min, max';
    assertThrows(() => createClient(url, { retry: { attempts: 3 } as object }), TypeError, message);
  });

  it("of node:tls are passed on", () => {
    const names = ["ca", "cert", "key", "crl", "pfx", "ciphers", "servername", "passphrase", "ALPNProtocols", "later"];
    for (const name of names) createClient(url, { tls: { [name]: undefined } });
  });

  it("that are no object are refused", () => {
    for (const bag of ["retry", "limits", "tls"]) {
      for (const value of [true, null, "10s"]) {
        const got = value === null ? "null" : typeof value;
        const message = `Cannot use option "${bag}": expected an object, got ${got}`;
        assertThrows(() => createClient(url, { [bag]: value }), TypeError, message);
      }
    }
  });

  it("of its methods are checked too", async () => {
    await using server = await startRedis();
    await using redis = createClient(server.url);
    await using own = await redis.dedicated();
    const calls: [name: string, call: (options: object) => Promise<unknown>][] = [
      ["time", (options) => redis.connect(options)],
      ["time", (options) => redis.dedicated(options)],
      ["binray", (options) => redis.command(["PING"], options)],
      ["binray", (options) => redis.transaction([["PING"]], options)],
      ["binray", (options) => own.command(["PING"], options)],
      ["binray", (options) => own.transaction([["PING"]], options)],
      ["bufer", async (options) => await redis.subscribe(["news"], options).next()],
      ["bufer", async (options) => await own.monitor(options).next()],
    ];
    for (const [name, call] of calls) {
      await assertRejects(() => call({ [name]: 1 }), TypeError, `Cannot use option "${name}": there is no such option`);
    }
  });
});
