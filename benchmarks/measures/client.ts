import { costBetween } from "../run/cell.ts";
import { fillCommands, rows } from "../clients/rows.ts";
import { digits } from "../report/format.ts";
import { BUN_CLIENT, type Subject } from "../run/subject.ts";
import type { Column, Measure, Part } from "./measure.ts";
import type { Scale } from "./scale.ts";

const subjects: readonly Subject[] = [
  { name: "streaq", runtime: "node" },
  { name: "ioredis", runtime: "node" },
  { name: "node-redis", runtime: "node" },
  { name: "streaq", runtime: "bun" },
  { name: "ioredis", runtime: "bun" },
  { name: "node-redis", runtime: "bun" },
  { name: BUN_CLIENT, runtime: "bun" },
];

const columns: readonly Column[] = [
  { key: "rate", label: "commands/ms", format: digits, main: true },
  { key: "client", label: "client µs", format: digits },
  { key: "redis", label: "Redis µs", format: digits },
];

/** The Redis client of streaq beside others, on one connection. */
export function client({ commands }: Scale): Measure {
  const parts = rows.map(({ name, share = 1 }): Part => {
    const count = Math.ceil(commands * share);
    return {
      name: "client",
      key: name,
      tables: [{ title: name, columns }],
      async run(cell, subject) {
        const side = cell.side(subject.name);
        await side.call("openClient", cell.redisUrl);
        for (const command of fillCommands()) await cell.redis.command(command);
        await side.call("send", name, Math.ceil(count / 10));
        const before = await cell.read();
        const ms = await cell.observe(() => side.call("send", name, count));
        const cost = costBetween(before, await cell.read());
        return {
          rate: count / ms,
          client: cost.cpuMs[subject.name]! / count * 1000,
          redis: cost.cpuMs["redis"]! / count * 1000,
        };
      },
    };
  });
  return {
    name: "client",
    title: "Redis clients",
    text:
      "The client of streaq beside others, over one connection. Commands are sent in batches of 1,000, each awaited " +
      "with `Promise.all` before the next; the last row awaits each command. The figures are thousands of commands a " +
      "second, and the processor time of the client and of Redis for each command.",
    kind: "client",
    subjects,
    parts,
    baseline: "ioredis",
    layout: "matrix",
  };
}
