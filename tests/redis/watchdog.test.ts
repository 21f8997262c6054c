import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { Watchdog } from "../../src/redis/watchdog.ts";
import { ConnectionError, createClient, TimeoutError } from "../../src/redis/mod.ts";
import { ManualClock } from "../base/manual_clock.ts";
import { eventually } from "../support/poll.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { startProxy } from "../support/tcp_proxy.ts";

/** Starts a watchdog for a connection that records what happens to it. */
function start({ isUrgent = false, blockingTime = 0 } = {}) {
  const clock = new ManualClock();
  const begin = clock.now();
  const state = { isUrgent, inFlight: 0, pings: [] as number[], lostAt: undefined as number | undefined };
  const watchdog = new Watchdog(clock, { pingInterval: 5000, idlePingInterval: 30_000, silenceTimeout: 10_000 }, {
    isUrgent: () => state.isUrgent,
    inFlight: () => state.inFlight,
    blockingTime: () => blockingTime,
    ping() {
      state.pings.push(clock.now() - begin);
      send();
    },
    onSilence() {
      state.lostAt = clock.now() - begin;
      watchdog.stop();
    },
  });
  watchdog.start();
  const send = () => {
    if (state.inFlight++ === 0) watchdog.sent();
  };
  const reply = () => {
    state.inFlight = 0;
    watchdog.received();
  };
  return { clock, watchdog, state, send, reply };
}

describe("Watchdog", () => {
  it("pings an idle connection every 30 s", async () => {
    const { clock, state, reply } = start();
    for (let i = 0; i < 120; i++) {
      await clock.advance(1000);
      if (state.inFlight > 0) reply();
    }
    assertEquals(state.pings, [30_000, 60_000, 90_000, 120_000]);
    assertEquals(state.lostAt, undefined);
  });

  it("pings an urgent connection every 5 s", async () => {
    const { clock, state, reply } = start({ isUrgent: true });
    for (let i = 0; i < 20; i++) {
      await clock.advance(1000);
      if (state.inFlight > 0) reply();
    }
    assertEquals(state.pings, [5000, 10_000, 15_000, 20_000]);
  });

  it("does not ping while bytes arrive", async () => {
    const { clock, state, watchdog } = start({ isUrgent: true });
    for (let i = 0; i < 100; i++) {
      await clock.advance(1000);
      watchdog.received();
    }
    assertEquals(state.pings, []);
  });

  it("reports a silent urgent connection after 10 s", async () => {
    const { clock, state } = start({ isUrgent: true });
    await clock.advance(60_000);
    assertEquals([state.pings, state.lostAt], [[5000], 10_000]);
    assertEquals(clock.pending, 0);
  });

  it("reports a connection that has just become urgent no earlier than 10 s after that", async () => {
    const { clock, state, reply } = start();
    await clock.advance(22_000);
    state.isUrgent = true;
    await clock.advance(4000);
    assertEquals([state.pings, state.lostAt], [[25_000], undefined]);
    reply();
    await clock.advance(60_000);
    assertEquals([state.pings, state.lostAt], [[25_000, 31_000], 36_000]);
  });

  it("reports an idle connection 10 s after a ping without a reply", async () => {
    const { clock, state } = start();
    await clock.advance(60_000);
    assertEquals([state.pings, state.lostAt], [[30_000], 40_000]);
  });

  it("reports a connection 10 s after a command without a reply, however long it was silent before", async () => {
    const { clock, state, send } = start();
    await clock.advance(27_000);
    send();
    await clock.advance(60_000);
    assertEquals([state.pings, state.lostAt], [[], 37_000]);
  });

  it("measures silence from the last byte while replies arrive", async () => {
    const { clock, state, watchdog, send } = start();
    for (let i = 0; i < 20; i++) {
      send();
      await clock.advance(2000);
      watchdog.received();
    }
    await clock.advance(60_000);
    assertEquals(state.lostAt, 50_000);
  });

  it("waits for the blocking time of a command and 10 s more", async () => {
    const { clock, state, send } = start({ blockingTime: 60_000 });
    send();
    await clock.advance(100_000);
    assertEquals([state.pings, state.lostAt], [[], 70_000]);
    const endless = start({ blockingTime: Infinity });
    endless.send();
    await endless.clock.advance(10_000_000);
    assertEquals(endless.state.lostAt, undefined);
  });

  it("lets bytes be read before it reports silence, as the process may have been suspended", async () => {
    const { clock, state, send, reply } = start();
    send();
    await clock.advance(9000);
    // When the process resumes, the timer fires first; the bytes are read right after it.
    setImmediate(reply);
    await clock.jump(600_000);
    assertEquals(state.lostAt, undefined);
  });

  it("reports nothing after it was stopped", async () => {
    const { clock, watchdog, state, send } = start();
    send();
    watchdog.stop();
    await clock.advance(60_000);
    assertEquals([state.lostAt, clock.pending], [undefined, 0]);
  });
});

describe("a half-open connection", () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis();
  });
  after(() => server?.stop());

  const options = {
    retry: { min: 10, max: 50 },
    pingInterval: 50,
    idlePingInterval: 100,
    silenceTimeout: 150,
  } as const;

  it("is detected by a command without a reply, and replaced", async () => {
    await using proxy = await startProxy(server.port);
    await using redis = createClient(`redis://127.0.0.1:${proxy.port}`, options);
    await redis.command(["PING"]);
    proxy.swallow();
    const start = performance.now();
    const error = await assertRejects(() => redis.command(["PING"]), ConnectionError);
    const took = performance.now() - start;
    assert(took > 140 && took < 3000, `${took} ms`);
    assertEquals([error.code, error.maybeExecuted], ["LOST", true]);
    assertInstanceOf(error.cause, TimeoutError);
    assertMatch(error.message, /The server sent nothing for \d+ ms/);
    proxy.cut();
    proxy.resume();
    assertEquals(await redis.command(["PING"]), "PONG");
  });

  it("is detected while no command is in flight", async () => {
    await using proxy = await startProxy(server.port);
    await using redis = createClient(`redis://127.0.0.1:${proxy.port}`, options);
    await redis.command(["PING"]);
    proxy.swallow();
    await eventually(() => proxy.accepted > 1);
  });

  it("is detected by a subscription, which is then renewed", async () => {
    await using proxy = await startProxy(server.port);
    await using redis = createClient(`redis://127.0.0.1:${proxy.port}`, options);
    let subscribed = 0;
    redis.listen("c", { message() {}, subscribed: () => void subscribed++ });
    await eventually(() => subscribed === 1);
    proxy.swallow();
    await eventually(() => proxy.accepted > 1);
    proxy.cut();
    proxy.resume();
    await eventually(() => subscribed >= 2);
  });

  it("is detected by a blocking command, not before its blocking time is over", async () => {
    await using proxy = await startProxy(server.port);
    await using redis = createClient(`redis://127.0.0.1:${proxy.port}`, options);
    await using own = await redis.dedicated();
    assertEquals(await own.command(["BLPOP", "none", 0.5]), null);
    proxy.swallow();
    const start = performance.now();
    await assertRejects(() => own.command(["BLPOP", "none", 0.3]), ConnectionError);
    const took = performance.now() - start;
    assert(took > 440 && took < 1500, `${took} ms`);
  });

  it("is detected by an idle dedicated connection", async () => {
    await using proxy = await startProxy(server.port);
    await using redis = createClient(`redis://127.0.0.1:${proxy.port}`, options);
    await using own = await redis.dedicated();
    proxy.swallow();
    const lost = await eventually(() => own.command(["PING"], { timeout: 2000 }).then(() => false, (error) => error));
    assertInstanceOf(lost, ConnectionError);
  });

  it("does not affect other connections", async () => {
    await using proxy = await startProxy(server.port);
    await using redis = createClient(`redis://127.0.0.1:${proxy.port}`, options);
    await using direct = createClient(server.url, options);
    await Promise.all([redis.connect(), direct.connect()]);
    proxy.swallow();
    let isLost = false;
    const lost = redis.command(["PING"], { timeout: "10s" }).catch((error) => {
      isLost = true;
      return error;
    });
    while (!isLost) assertEquals(await direct.command(["PING"]), "PONG");
    assertInstanceOf(await lost, ConnectionError);
  });

  it("is not reported while the server executes a slow command", async () => {
    await using redis = createClient(server.url, { ...options, silenceTimeout: 1000 });
    const script = `
      local function now() local t = redis.call("TIME") return t[1] * 1000 + t[2] / 1000 end
      local start = now()
      repeat until now() - start > 400
      return "done"`;
    assertEquals(await redis.command(["EVAL", script, 0]), "done");
  });
});
