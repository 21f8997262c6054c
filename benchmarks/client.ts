/**
 * Compares the client with ioredis and node-redis, each over one connection to the same Redis server:
 *
 *     npm ci --prefix benchmarks && node --import tsx benchmarks/client.ts [--commands 100000] [--batch 1000]
 *         [--rounds 5] [--only streaq]
 *
 * It starts a server, or uses the one in the environment variable REDIS_URL. In each round, every client does the same
 * work in turn, in a different order. It prints medians over the rounds: thousands of commands a second and, in
 * brackets, CPU time of this process for each command in microseconds, which is more reliable on a busy machine. `SET`
 * and `GET` are sent in batches, each awaited with `Promise.all` before the next; in the last row, each command is
 * awaited.
 */
import { Redis } from "ioredis";
import process from "node:process";
import { parseArgs } from "node:util";
import { createClient as createNodeRedis } from "redis";
import { createClient } from "../src/redis/mod.ts";
import { startRedis } from "../tests/support/redis_server.ts";

const { values: options } = parseArgs({
  options: {
    commands: { type: "string", default: "100000" },
    batch: { type: "string", default: "1000" },
    rounds: { type: "string", default: "5" },
    only: { type: "string" },
  },
});
const commands = Number(options.commands);
const batch = Number(options.batch);
const rounds = Number(options.rounds);

/** The part of a client that is measured. */
interface Subject {
  readonly name: string;
  set(key: string, value: string): Promise<unknown>;
  get(key: string): Promise<unknown>;
  close(): Promise<unknown>;
}

const makers: Record<string, (url: string) => Promise<Subject>> = {
  async streaq(url) {
    const redis = createClient(url);
    await redis.connect();
    return {
      name: "streaq",
      set: (key, value) => redis.command(["SET", key, value]),
      get: (key) => redis.command(["GET", key]),
      close: () => redis.close(),
    };
  },
  async ioredis(url) {
    const redis = new Redis(url, { lazyConnect: true });
    await redis.connect();
    return {
      name: "ioredis",
      set: (key, value) => redis.set(key, value),
      get: (key) => redis.get(key),
      close: () => redis.quit(),
    };
  },
  async "node-redis"(url) {
    // Without this option, each command has a timer.
    const redis = createNodeRedis({ url, commandOptions: { timeout: undefined } });
    await redis.connect();
    return {
      name: "node-redis",
      set: (key, value) => redis.set(key, value),
      get: (key) => redis.get(key),
      close: () => redis.close(),
    };
  },
};

/** Work that is measured, and the number of its commands. */
interface Work {
  readonly name: string;
  readonly commands: number;
  run(subject: Subject): Promise<void>;
}

const keys = Array.from({ length: batch }, (_, i) => `benchmark:client:${i}`);

function pipelined(name: string, send: (subject: Subject, key: string) => Promise<unknown>): Work {
  return {
    name,
    commands,
    async run(subject) {
      for (let sent = 0; sent < commands; sent += batch) {
        await Promise.all(keys.slice(0, commands - sent).map((key) => send(subject, key)));
      }
    },
  };
}

function works(size: number, label: string): Work[] {
  const value = "x".repeat(size);
  return [
    pipelined(`SET of ${label}`, (subject, key) => subject.set(key, value)),
    pipelined(`GET of ${label}`, (subject, key) => subject.get(key)),
  ];
}

const all: Work[] = [
  ...works(16, "16 bytes"),
  ...works(1024, "1 KiB"),
  {
    name: "GET, one at a time",
    commands: Math.ceil(commands / 10),
    async run(subject) {
      for (let i = 0; i < this.commands; i++) {
        await subject.get(keys[i % batch]!);
      }
    },
  },
];

const given = process.env["REDIS_URL"];
if (given) await compare(given);
else {
  await using server = await startRedis({ args: ["--save", "", "--appendonly", "no"] });
  await compare(server.url);
}

/** Measurement of the work of one client in one round. */
interface Measurement {
  /** Thousands of commands a second. */
  readonly rate: number;
  /** CPU time for each command in microseconds. */
  readonly cpu: number;
}

async function compare(url: string): Promise<void> {
  const names = Object.keys(makers).filter((name) => options.only === undefined || name === options.only);
  const subjects = await Promise.all(names.map((name) => makers[name]!(url)));
  const measurements = new Map<string, Measurement[]>();

  // The first round warms up and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const work of all) {
      for (let turn = 0; turn < subjects.length; turn++) {
        const subject = subjects[(round + turn) % subjects.length]!;
        const cell = `${work.name} ${subject.name}`;
        const measurement = await measure(work, subject);
        if (round > 0) {
          measurements.set(cell, [...measurements.get(cell) ?? [], measurement]);
        }
      }
    }
  }
  report(names, (work, name) => measurements.get(`${work.name} ${name}`)!);
  await Promise.all(subjects.map((subject) => subject.close()));
}

async function measure(work: Work, subject: Subject): Promise<Measurement> {
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  await work.run(subject);
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { rate: work.commands / ms, cpu: (user + system) / work.commands };
}

function report(names: readonly string[], of: (work: Work, name: string) => readonly Measurement[]): void {
  const runtime = "Bun" in globalThis ? "Bun" : "Deno" in globalThis ? "Deno" : `Node ${process.version}`;
  console.log(
    `${runtime}; ${commands} commands in batches of ${batch}, medians of ${rounds} rounds, thousands a second`,
  );
  console.log(["".padEnd(20), ...names.map((name) => name.padStart(14)), "streaq : best".padStart(16)].join(""));
  for (const work of all) {
    const rates = names.map((name) => median(of(work, name).map(({ rate }) => rate)));
    const cells = names.map((name, i) => {
      const cpu = median(of(work, name).map(({ cpu }) => cpu));
      return `${rates[i]!.toFixed(0)} (${cpu.toFixed(1)})`.padStart(14);
    });
    const [own = 0, ...others] = rates;
    const ratio = others.length > 0 ? (own / Math.max(...others)).toFixed(2) : "";
    console.log([work.name.padEnd(20), ...cells, ratio.padStart(16)].join(""));
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
