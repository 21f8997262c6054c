/**
 * How fast tasks are enqueued, run and answered, beside BullMQ on the same Redis. `README.md` says how to read it.
 *
 *     npm ci --prefix benchmarks
 *     node --import tsx benchmarks/queue.ts [--tasks 20000] [--rounds 5] [--round-trips 1000] [--only streaq] [--commands]
 *
 * It starts a server of its own, or uses that of the environment variable REDIS_URL.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { createClient } from "../src/redis/mod.ts";
import { startRedis } from "../tests/support/redis_server.ts";
import { bullmq } from "./queue/bullmq.ts";
import { machine, report, reportCommands } from "./queue/report.ts";
import { measure, type Round } from "./queue/round.ts";
import { streaq } from "./queue/streaq.ts";

const { values: options } = parseArgs({
  options: {
    tasks: { type: "string", default: "20000" },
    rounds: { type: "string", default: "5" },
    "round-trips": { type: "string", default: "1000" },
    only: { type: "string" },
    commands: { type: "boolean", default: false },
  },
});
const amounts = { tasks: Number(options.tasks), roundTrips: Number(options["round-trips"]) };
const systems = [streaq.name, bullmq.name].filter((name) => options.only === undefined || name === options.only);

const given = process.env["REDIS_URL"];
if (given) await run(given);
else {
  await using server = await startRedis({ args: ["--save", "", "--appendonly", "no"] });
  await run(server.url);
}

async function run(redisUrl: string): Promise<void> {
  await using redis = createClient(redisUrl);
  const rounds = new Map<string, Round[]>(systems.map((name) => [name, []]));
  for (let round = 1; round <= Number(options.rounds); round++) {
    // Who goes first alternates, so that what changes on the machine meanwhile meets both.
    for (const name of round % 2 === 1 ? systems : systems.toReversed()) {
      console.error(`Round ${round}: ${name}`);
      rounds.get(name)!.push(await measure(name, redis, redisUrl, amounts));
    }
  }
  const info = await redis.command<string>(["INFO", "server"]);
  const redisVersion = /redis_version:(\S+)/.exec(info)?.[1] ?? "of unknown version";
  console.log(
    `${machine(redisVersion)}; ${amounts.tasks} tasks, medians of ${options.rounds} rounds (lowest - highest)`,
  );
  report(rounds);
  if (options.commands) reportCommands(rounds);
}
