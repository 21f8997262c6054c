/** The program of a {@linkcode Side}: `side_process.ts <system> <role>`. It receives calls as messages. */
import process from "node:process";
import { bullmq } from "./bullmq.ts";
import type { Cost, SideReply, SideRequest } from "./side.ts";
import { streaq } from "./streaq.ts";
import type { Consumer, Producer } from "./system.ts";

/** How many tasks the consumer runs at once. */
const concurrency = 32;

const [systemName, role] = process.argv.slice(2);
const system = systemName === streaq.name ? streaq : bullmq;
let producer: Producer | undefined;
let consumer: Consumer | undefined;

process.on("message", (request: SideRequest) => {
  perform(request).then(
    (result) => reply({ result: result ?? null }),
    (error) => reply({ error: error instanceof Error ? error.stack ?? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit());

async function perform({ call, args }: SideRequest): Promise<unknown> {
  switch (call) {
    case "open":
      return await open(...args as [string, string]);
    case "close":
      return await (producer ?? consumer)?.close();
    case "enqueue":
      return await timed(() => producer!.enqueue(Number(args[0])));
    case "serve":
      return await timed(() => consumer!.serve(Number(args[0])));
    case "roundTrips":
      return await roundTrips(Number(args[0]));
  }
}

async function open(redisUrl: string, queueName: string): Promise<void> {
  if (role === "producer") producer = await system.openProducer(redisUrl, queueName);
  else consumer = await system.openConsumer(redisUrl, queueName, concurrency);
}

async function roundTrips(count: number): Promise<number[]> {
  const times: number[] = [];
  while (times.length < count) {
    const started = performance.now();
    await producer!.roundTrip();
    times.push(performance.now() - started);
  }
  return times;
}

async function timed(action: () => Promise<void>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await action();
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000 };
}

function reply(message: SideReply): void {
  process.send!(message);
}
