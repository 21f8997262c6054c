import { assert, assertEquals, assertRejects } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { ConnectionError, createClient, type RedisClient } from "../../src/redis/mod.ts";
import { eventually } from "../support/poll.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { startProxy } from "../support/tcp_proxy.ts";

let server: RedisServer;
let redis: RedisClient;

before(async () => {
  server = await startRedis();
  redis = createClient(server.url);
});
after(async () => {
  await redis?.close();
  await server?.stop();
});

const retry = { min: 10, max: 50 };

describe("commands that wait for a connection", () => {
  it("are limited in number; further ones reject immediately, with the limit in the message", async () => {
    await using proxy = await startProxy(server.port);
    proxy.refuse();
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`, { retry, maxQueued: 3 });
    const waiting = [1, 2, 3].map((i) => other.command(["ECHO", i]));
    const error = await assertRejects(() => other.command(["ECHO", 4]), ConnectionError, "maxQueued 3");
    assertEquals([error.code, error.maybeExecuted], ["FULL", false]);
    await proxy.accept();
    assertEquals(await Promise.all(waiting), ["1", "2", "3"]);
    assertEquals((await Promise.all(Array.from({ length: 1000 }, (_, i) => other.command(["ECHO", i])))).length, 1000);
  });

  it("are limited in bytes", async () => {
    await using proxy = await startProxy(server.port);
    proxy.refuse();
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`, { retry, maxQueuedBytes: 10_000 });
    const waiting = [
      other.command(["SET", "a", "x".repeat(4000)]),
      other.command(["SET", "b", new Uint8Array(5000)]),
    ];
    await assertRejects(() => other.command(["SET", "c", "x".repeat(2000)]), ConnectionError, "maxQueuedBytes 10000");
    await assertRejects(() => other.transaction([["SET", "c", "x".repeat(2000)]]), ConnectionError, "maxQueuedBytes");
    const small = other.command(["SET", "c", "x"]);
    await proxy.accept();
    assertEquals(await Promise.all([...waiting, small]), ["OK", "OK", "OK"]);
  });

  it("make room for others when they are withdrawn", async () => {
    await using proxy = await startProxy(server.port);
    proxy.refuse();
    await using other = createClient(`redis://127.0.0.1:${proxy.port}`, { retry, maxQueued: 2 });
    for (let i = 0; i < 10; i++) {
      const controller = new AbortController();
      const withdrawn = [1, 2].map(() => other.command(["PING"], { signal: controller.signal }).catch((e) => e.name));
      controller.abort();
      assertEquals(await Promise.all(withdrawn), ["AbortError", "AbortError"]);
    }
    const pong = other.command(["PING"]);
    await proxy.accept();
    assertEquals(await pong, "PONG");
  });

  it("make room for others when they are rejected", async () => {
    await using other = createClient("redis://127.0.0.1:1", { retry, connectTimeout: 50, maxQueued: 2 });
    for (let i = 0; i < 3; i++) {
      const errors = await Promise.all([1, 2].map(() => other.command(["PING"]).catch((e) => e.code)));
      assertEquals(errors, ["UNREACHABLE", "UNREACHABLE"]);
    }
  });
});

describe("commands that are sent", () => {
  it("are sent in order within the limit of bytes in flight", async () => {
    await using other = createClient(server.url, { maxInFlightBytes: 5000 });
    const values = Array.from({ length: 500 }, (_, i) => `${i}:`.padEnd(i === 250 ? 20_000 : 300, "x"));
    const replies = await Promise.all(values.map((value) => other.command(["ECHO", value])));
    assertEquals(replies, values);
  });

  it("wait in the client while the server does not read", async () => {
    await using stuck = await startRedis();
    await using other = createClient(stuck.url, { retry, maxInFlightBytes: 1024 * 1024 });
    await other.connect();
    stuck.pause();
    const settled: string[] = [];
    const pending = Array.from({ length: 100 }, (_, i) => {
      const promise = other.command(["SET", `k${i}`, "x".repeat(100_000)]);
      promise.then(() => settled.push("done"), (error) => settled.push(`${error.code} ${error.maybeExecuted}`));
      return promise.catch(() => {});
    });
    // Long enough for everything that can happen without the server.
    await redis.command(["PING"]);
    await redis.command(["PING"]);
    assertEquals(settled, []);
    stuck.resume();
    await Promise.all(pending);
    assertEquals(settled, Array(100).fill("done"));
  });

  it("reject with maybeExecuted when the connection is lost, unlike those that were not sent", async () => {
    await using stuck = await startRedis();
    const other = createClient(stuck.url, { retry, maxInFlightBytes: 1000, connectTimeout: 100 });
    await other.connect();
    stuck.pause();
    const pending = Array.from({ length: 10 }, (_, i) => other.command(["SET", `k${i}`, "x".repeat(400)]));
    const errors = Promise.all(pending.map((promise) => promise.catch((error) => error)));
    await new Promise(setImmediate);
    await stuck.kill();
    const states = (await errors).map((error) => `${error.code} ${error.maybeExecuted}`);
    assertEquals(new Set(states), new Set(["LOST true", "UNREACHABLE false"]));
    assert(states.indexOf("UNREACHABLE false") > states.lastIndexOf("LOST true"));
    await other.close();
  });

  it("continue after a withdrawn command", async () => {
    await using other = createClient(server.url, { maxInFlightBytes: 100 });
    await other.connect();
    const controller = new AbortController();
    const { signal } = controller;
    const all = Array.from(
      { length: 50 },
      (_, i) => other.command(["RPUSH", "order", i], i % 7 === 3 ? { signal } : undefined).catch((e) => e.name),
    );
    controller.abort();
    const replies = await Promise.all(all);
    const withdrawn = replies.filter((reply) => reply === "AbortError").length;
    assertEquals(withdrawn, 7);
    assertEquals(await redis.command(["LLEN", "order"]), 43);
    await eventually(() => other.command(["PING"]));
  });
});
