/**
 * Compares with BullMQ how fast tasks are enqueued, run, and return their result on the same Redis server. `README.md`
 * explains the output.
 *
 *     npm ci --prefix benchmarks
 *     node --import tsx benchmarks/queue.ts [--tasks 20000] [--rounds 5] [--round-trips 1000] [--only streaq] [--commands]
 *
 * It starts a server, or uses the one in the environment variable REDIS_URL.
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
    // The order alternates, so that changes on the machine affect both.
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
