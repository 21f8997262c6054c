import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { RedisClient } from "../../src/redis/mod.ts";
import type { RedisServer } from "../../tests/support/redis_server.ts";
import { foreignLoad, type Load } from "./load.ts";
import type { SideUsage } from "./protocol.ts";
import { readRedisStats, type RedisStats } from "./redis_stats.ts";
import { Side } from "./side.ts";
import type { Subject } from "./subject.ts";

/** The resources that all cells share. */
export interface Bench {
  readonly redis: RedisClient;
  readonly server: RedisServer;
  readonly load: Load;
}

/** The costs between two moments. */
export interface Cost {
  /** Processor time in milliseconds, by the name that the process was opened with, and of `redis`. */
  readonly cpuMs: Readonly<Record<string, number>>;
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** The growth of the server's memory, in bytes. */
  readonly memory: number;
}

/** The state of every process at one moment. */
interface Reading {
  readonly redis: RedisStats;
  readonly sides: ReadonlyMap<string, SideUsage>;
}

/** The processes of one subject in one round. Each part of a measure finds an empty server. */
export class Cell implements AsyncDisposable {
  readonly redis: RedisClient;
  readonly redisUrl: string;
  /** Aborts when the cell has taken too long. */
  readonly signal: AbortSignal;
  readonly #bench: Bench;
  readonly #kind: "queue" | "client";
  readonly #subject: Subject;
  readonly #sides = new Map<string, Side>();
  readonly #disown: (() => void)[] = [];
  readonly #observed: { ms: number; foreign: number }[] = [];

  constructor(bench: Bench, kind: "queue" | "client", subject: Subject, timeout: number) {
    this.redis = bench.redis;
    this.redisUrl = bench.server.url;
    this.#bench = bench;
    this.#kind = kind;
    this.#subject = subject;
    this.signal = AbortSignal.timeout(timeout);
    this.signal.addEventListener("abort", () => {
      for (const side of this.#sides.values()) side.kill();
    });
  }

  /** Returns the foreign load while something was measured since the last call, in processors. */
  takeForeign(): number | undefined {
    const observed = this.#observed.splice(0);
    const total = observed.reduce((sum, { ms }) => sum + ms, 0);
    return total === 0 ? undefined : observed.reduce((sum, { ms, foreign }) => sum + ms * foreign, 0) / total;
  }

  /** Returns the process of this name, which it starts if need be. */
  side(name: string, subject = this.#subject): Side {
    let side = this.#sides.get(name);
    if (!side) {
      this.signal.throwIfAborted();
      side = new Side(this.#kind, subject);
      this.#sides.set(name, side);
      this.#disown.push(this.#bench.load.own(side.pid));
    }
    return side;
  }

  /** Performs an action during which the foreign load counts. */
  async observe<T>(action: () => Promise<T>): Promise<T> {
    const before = this.#bench.load.sample();
    try {
      return await action();
    } finally {
      const after = this.#bench.load.sample();
      this.#observed.push({ ms: after.at - before.at, foreign: foreignLoad(before, after) });
    }
  }

  /** Reads what every process has used, to compare with a later reading. */
  async read(): Promise<Reading> {
    const sides = new Map<string, SideUsage>();
    for (const [name, side] of this.#sides) sides.set(name, await side.call("usage"));
    return { redis: await readRedisStats(this.redis), sides };
  }

  /** Resolves once `count()` has reached `total`, and looks seldom enough not to disturb. Resolves to when that was. */
  async waitForTotal(total: number, count: () => Promise<number>): Promise<number> {
    const started = Date.now();
    for (;;) {
      const counted = await count();
      const now = Date.now();
      if (counted >= total) return now;
      if (this.signal.aborted) throw new Error(`Only ${counted} of ${total} tasks were completed in time`);
      const expected = counted === 0 ? 0 : (now - started) * (total - counted) / counted;
      await delay(Math.min(50, Math.max(1, expected / 2)));
    }
  }

  /** Removes everything from the server. */
  async clear(): Promise<void> {
    await this.redis.command(["FLUSHALL", "SYNC"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sides.values()].map((side) => side[Symbol.asyncDispose]()));
    for (const disown of this.#disown) disown();
    await this.clear();
  }
}

/** Returns the cost between two readings. */
export function costBetween(before: Reading, after: Reading): Cost {
  const cpuMs: Record<string, number> = { redis: after.redis.cpuMs - before.redis.cpuMs };
  for (const [name, { cpuMs: used }] of after.sides) cpuMs[name] = used - (before.sides.get(name)?.cpuMs ?? 0);
  return {
    cpuMs,
    commands: after.redis.commands - before.redis.commands,
    bytesIn: after.redis.bytesIn - before.redis.bytesIn,
    bytesOut: after.redis.bytesOut - before.redis.bytesOut,
    memory: after.redis.memory - before.redis.memory,
  };
}

/** Returns the largest resident memory that a process has had, in bytes; `NaN` on systems without `/proc`. */
export function peakMemory({ pid }: Side): number {
  try {
    // Not from getrusage(), which counts what the parent had when it started the process.
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? NaN) * 1024;
  } catch {
    return NaN;
  }
}
