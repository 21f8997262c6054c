import { systemClock } from "../../../src/base/clock.ts";
import { openBroker } from "../../../src/broker/open.ts";
import { eventually } from "../../support/poll.ts";
import { Lines, type Stage } from "../stage.ts";

const priorities = ["normal"];
/** The `idleTimeout` of the queue: so short that a lease expires at once when its holder has died. */
export const shortIdleTimeout = 100;

/** Leases and starts all `count` tasks of a queue as workers that die then, one after another, each under its name. */
export async function cutOff(stage: Stage, queueName: string, count: number, names: readonly string[]): Promise<void> {
  const { redisUrl } = (await stage.broker).options;
  await using broker = openBroker({
    ...{ redisUrl: redisUrl!, redisOptions: {}, redis: undefined, queueName },
    ...{ priorities, binary: false, isInThread: false, clock: systemClock, logger: new Lines() },
    reader: { hasSucceeded: () => true, failDependent: () => ({ result: "", ttl: null }) },
  });
  for (const name of names) {
    const { leasing, membership } = broker.consumer({
      name: `${name}-0000abcd`,
      priorities,
      idleTimeout: shortIdleTimeout,
    });
    await membership.join({ workerId: name, summary: "", versions: new Map() });
    let cut = 0;
    await eventually(async () => {
      const { deliveries } = await leasing.read(count, { takeover: "first", inFlight: [], quarantined: count });
      const starts = await leasing.start(deliveries);
      cut += starts.filter((start) => typeof start === "object").length;
      return cut >= count;
    });
  }
}
