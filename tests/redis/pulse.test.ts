import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { after, before, describe, it } from "node:test";
import type { Clock } from "../../src/base/clock.ts";
import { Pulse } from "../../src/redis/pulse.ts";
import { ConnectionError, createClient, TimeoutError } from "../../src/redis/mod.ts";
import { eventually } from "../support/poll.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { startProxy } from "../support/tcp_proxy.ts";

/** A clock that stands still until it is moved. */
class HandClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  timer(ms: number, callback: () => void): { cancel(): void } {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Goes on by `ms`, and runs what is due, in order. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    }
    this.#now = end;
  }

  /** Goes on by `ms`, as for a process that was asleep: what is due runs only then. */
  async jump(ms: number): Promise<void> {
    this.#now += ms;
    await this.advance(0);
  }
}

/** A pulse with a patient that keeps count of what happens to it. */
function examine({ atStake = false, blocks = 0 }) {
  const clock = new HandClock();
  const state = { atStake, blocks, owed: 0, pings: [] as number[], dead: undefined as number | undefined };
  const start = clock.now();
  const pulse = new Pulse(clock, { pingInterval: 5000, idlePingInterval: 30_000, silenceTimeout: 10_000 }, {
    atStake: () => state.atStake,
    owed: () => state.owed,
    blocks: () => state.blocks,
    ping() {
      state.pings.push(clock.now() - start);
      if (state.owed++ === 0) pulse.owes();
    },
    dead() {
      state.dead = clock.now() - start;
      pulse.stop();
    },
  });
  pulse.start();
  const send = () => {
    if (state.owed++ === 0) pulse.owes();
  };
  const reply = () => {
    state.owed = 0;
    pulse.heard();
  };
  return { clock, pulse, state, send, reply };
}

describe("Pulse", () => {
  it("asks an idle connection for a sign of life every 30 s", async () => {
    const { clock, state, reply } = examine({});
    for (let i = 0; i < 120; i++) {
      await clock.advance(1000);
      if (state.owed > 0) reply();
    }
    assertEquals(state.pings, [30_000, 60_000, 90_000, 120_000]);
    assertEquals(state.dead, undefined);
  });

  it("asks a connection with something at stake every 5 s", async () => {
    const { clock, state, reply } = examine({ atStake: true });
    for (let i = 0; i < 20; i++) {
      await clock.advance(1000);
      if (state.owed > 0) reply();
    }
    assertEquals(state.pings, [5000, 10_000, 15_000, 20_000]);
  });

  it("does not ask while bytes come in", async () => {
    const { clock, state, pulse } = examine({ atStake: true });
    for (let i = 0; i < 100; i++) {
      await clock.advance(1000);
      pulse.heard();
    }
    assertEquals(state.pings, []);
  });

  it("gives a silent connection with something at stake up after 10 s", async () => {
    const { clock, state } = examine({ atStake: true });
    await clock.advance(60_000);
    assertEquals([state.pings, state.dead], [[5000], 10_000]);
    assertEquals(clock.pending, 0);
  });

  it("gives a connection that was idle the same time when something has come to be at stake", async () => {
    const { clock, state, reply } = examine({});
    await clock.advance(22_000);
    state.atStake = true;
    await clock.advance(4000);
    assertEquals([state.pings, state.dead], [[25_000], undefined]);
    reply();
    await clock.advance(60_000);
    assertEquals([state.pings, state.dead], [[25_000, 31_000], 36_000]);
  });

  it("gives an idle connection 10 s to answer", async () => {
    const { clock, state } = examine({});
    await clock.advance(60_000);
    assertEquals([state.pings, state.dead], [[30_000], 40_000]);
  });

  it("gives a command 10 s, however long it was quiet before", async () => {
    const { clock, state, send } = examine({});
    await clock.advance(27_000);
    send();
    await clock.advance(60_000);
    assertEquals([state.pings, state.dead], [[], 37_000]);
  });

  it("counts from the last byte while replies come in", async () => {
    const { clock, state, pulse, send } = examine({});
    for (let i = 0; i < 20; i++) {
      send();
      await clock.advance(2000);
      pulse.heard();
    }
    await clock.advance(60_000);
    assertEquals(state.dead, 50_000);
  });

  it("lets the server block for as long as it was asked to, and 10 s more", async () => {
    const { clock, state, send } = examine({ blocks: 60_000 });
    send();
    await clock.advance(100_000);
    assertEquals([state.pings, state.dead], [[], 70_000]);
    const endless = examine({ blocks: Infinity });
    endless.send();
    await endless.clock.advance(10_000_000);
    assertEquals(endless.state.dead, undefined);
  });

  it("reads what has arrived before it gives up, as this process may have slept", async () => {
    const { clock, state, send, reply } = examine({});
    send();
    await clock.advance(9000);
    // The timer is the first to run when the process goes on; the bytes are read right after it.
    setImmediate(reply);
    await clock.jump(600_000);
    assertEquals(state.dead, undefined);
  });

  it("stops", async () => {
    const { clock, pulse, state, send } = examine({});
    send();
    pulse.stop();
    await clock.advance(60_000);
    assertEquals([state.dead, clock.pending], [undefined, 0]);
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

  it("is found by a command that waits, and replaced", async () => {
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
    assert(/No byte received for \d+ ms/.test(error.message), error.message);
    proxy.cut();
    proxy.resume();
    assertEquals(await redis.command(["PING"]), "PONG");
  });

  it("is found while nobody waits", async () => {
    await using proxy = await startProxy(server.port);
    await using redis = createClient(`redis://127.0.0.1:${proxy.port}`, options);
    await redis.command(["PING"]);
    proxy.swallow();
    await eventually(() => proxy.accepted > 1);
  });

  it("is found by a subscription, which begins anew", async () => {
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

  it("is found by a blocking command, though not before its time", async () => {
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

  it("is found by a dedicated connection that is idle", async () => {
    await using proxy = await startProxy(server.port);
    await using redis = createClient(`redis://127.0.0.1:${proxy.port}`, options);
    await using own = await redis.dedicated();
    proxy.swallow();
    const lost = await eventually(() => own.command(["PING"], { timeout: 2000 }).then(() => false, (error) => error));
    assertInstanceOf(lost, ConnectionError);
  });

  it("does not disturb the others", async () => {
    await using proxy = await startProxy(server.port);
    await using redis = createClient(`redis://127.0.0.1:${proxy.port}`, options);
    await using direct = createClient(server.url, options);
    await Promise.all([redis.connect(), direct.connect()]);
    proxy.swallow();
    const lost = redis.command(["PING"]).catch((error) => error);
    for (let i = 0; i < 50; i++) {
      assertEquals(await direct.command(["PING"]), "PONG");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assertInstanceOf(await lost, ConnectionError);
  });

  it("is not suspected while a slow server works", async () => {
    await using redis = createClient(server.url, { ...options, silenceTimeout: 1000 });
    const script = `
      local function now() local t = redis.call("TIME") return t[1] * 1000 + t[2] / 1000 end
      local start = now()
      repeat until now() - start > 400
      return "done"`;
    assertEquals(await redis.command(["EVAL", script, 0]), "done");
  });
});
