import { assert, assertEquals, assertRejects } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { ConnectionError, createClient } from "../../src/redis/mod.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";

describe("a connection with TLS", () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis({ tls: true, password: "hunter2" });
  });
  after(() => server?.stop());

  it("serves commands, subscriptions and dedicated connections", async () => {
    await using redis = createClient(server.url, { tls: { ca: server.ca! } });
    const large = "é".repeat(2 ** 20);
    await redis.command(["SET", "large", large]);
    assert(await redis.command(["GET", "large"]) === large);
    await using own = await redis.dedicated();
    assertEquals(await own.command(["BLPOP", "none", 0.01]), null);
    for await (
      const { message } of redis.subscribe(["c"], { onSubscribed: () => redis.command(["PUBLISH", "c", "x"]) })
    ) {
      assertEquals(message, "x");
      break;
    }
  });

  it("is encrypted if only the options request it", async () => {
    await using redis = createClient(server.url.replace("rediss:", "redis:"), { tls: { ca: server.ca! } });
    assertEquals(await redis.command(["PING"]), "PONG");
  });

  it("requests the certificate of the host in the URL", async () => {
    await using redis = createClient(server.url.replace("127.0.0.1", "localhost"), { tls: { ca: server.ca! } });
    assertEquals(await redis.command(["PING"]), "PONG");
    await using other = createClient(server.url, { tls: { ca: server.ca!, servername: "elsewhere.example" } });
    assertEquals((await assertRejects(() => other.command(["PING"]), ConnectionError)).code, "REFUSED");
  });

  it("is refused immediately if the certificate is not trusted, unless the options allow it", async () => {
    await using strict = createClient(server.url);
    const start = performance.now();
    const error = await assertRejects(() => strict.command(["PING"]), ConnectionError);
    assert(performance.now() - start < 2000);
    assertEquals(error.code, "REFUSED");
    assert(error.message.startsWith(`Cannot connect to rediss://127.0.0.1:${server.port}: `), error.message);
    await using trusting = createClient(server.url, { tls: { rejectUnauthorized: false } });
    assertEquals(await trusting.command(["PING"]), "PONG");
  });

  it("is refused immediately if the options are invalid", async () => {
    await using redis = createClient(server.url, { tls: { ca: "no certificate", cert: "none", key: "none" } });
    const start = performance.now();
    await assertRejects(() => redis.command(["PING"]), ConnectionError, "Cannot connect");
    assert(performance.now() - start < 2000);
  });

  it("fails if the server does not use TLS", async () => {
    await using plain = await startRedis();
    await using redis = createClient(`rediss://127.0.0.1:${plain.port}`, { connectTimeout: 300 });
    await assertRejects(() => redis.command(["PING"]), ConnectionError, `rediss://127.0.0.1:${plain.port}`);
  });

  it("fails if only the server uses TLS", async () => {
    await using redis = createClient(`redis://127.0.0.1:${server.port}`, { connectTimeout: 300 });
    await assertRejects(() => redis.command(["PING"]), ConnectionError);
  });
});

describe("a connection over a Unix socket", () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis({ password: "hunter2" });
  });
  after(() => server?.stop());

  it("serves commands", async () => {
    await using redis = createClient(`unix://:hunter2@${server.socketPath}?db=1`);
    const info = await redis.command<string>(["CLIENT", "INFO"]);
    assert(info.includes(" db=1 ") && info.includes("redis.sock"), info);
  });

  it("fails after connectTimeout if the socket does not exist, with its path in the message", async () => {
    await using redis = createClient("unix:///no/such/redis.sock", { connectTimeout: 100 });
    const error = await assertRejects(() => redis.command(["PING"]), ConnectionError);
    assert(error.message.startsWith("Cannot connect to unix:///no/such/redis.sock within 100 ms"), error.message);
  });
});

describe("a connection by IPv6", () => {
  it("has brackets in messages", async () => {
    await using redis = createClient("redis://[::1]:1", { retry: false });
    await assertRejects(() => redis.command(["PING"]), ConnectionError, "redis://[::1]:1");
  });
});
