import { delay, type Notice, within } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import { TimeoutError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { type Executor, isConcluded } from "./executor.ts";
import type { InFlight } from "./in_flight.ts";
import type { Outbox } from "./outbox.ts";
import { ShutdownError } from "./outcome.ts";
import type { Pump } from "./pump.ts";
import type { Ending, Settler } from "./settler.ts";

/** The roles of the worker that take part in its shutdown. */
export interface ShutdownRoles {
  readonly inFlight: InFlight;
  readonly executor: Executor;
  readonly settler: Settler;
  readonly outbox: Outbox;
  readonly pump: Pick<Pump<Ending>, "idle">;
  /** Notified when a slot was freed, or an outcome became known. */
  readonly changed: Notice;
  /** Aborted when the broker has not answered for long enough. */
  readonly giveUp: AbortController;
}

/** Options of {@linkcode shutDown}. */
export interface ShutdownOptions {
  readonly workerId: string;
  /** How long running tasks may continue, in milliseconds. */
  readonly gracePeriod: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long after its signal was aborted a function may still return a value, in milliseconds. */
const lastChance = 500;
/** How long a shutdown waits for a broker that does not answer, in milliseconds. */
const brokerTimeout = 5000;

/** Empties a worker that starts nothing more: releases what waits, lets running tasks finish, and then stops them. */
export async function shutDown(roles: ShutdownRoles, options: ShutdownOptions): Promise<void> {
  const { inFlight, executor, changed } = roles;
  const { workerId, gracePeriod, clock, logger } = options;
  const reason = new ShutdownError(`Worker ${workerId} is shutting down`);
  releaseWaiting(roles, reason);
  const open = inFlight.running - inFlight.lingering;
  if (open > 0 && gracePeriod > 0) {
    logger.info(`worker ${workerId} waits up to ${gracePeriod} ms for ${open} running tasks`);
    await until(() => inFlight.running === inFlight.lingering, gracePeriod, { changed, clock });
  }
  for (const execution of inFlight.executions()) execution.abort(reason);
  await until(() => inFlight.running === 0, lastChance, { changed, clock });
  for (const execution of [...inFlight.executions()]) {
    if (isConcluded(execution)) continue;
    const { fnName, delivery: { taskId } } = execution;
    logger.warn(`task ${fnName} ${taskId} ignores its signal: its next run may overlap this one`);
    executor.abandon(execution);
  }
  await stored(roles, options);
}

/** Releases what has no function running. */
function releaseWaiting({ inFlight, settler }: ShutdownRoles, reason: ShutdownError): void {
  for (const execution of inFlight.bufferedSince(Infinity)) settler.release(execution);
  for (const execution of [...inFlight.executions()]) {
    // The answer to its start, if it still comes, is ignored.
    if (execution.state === "starting") settler.release(execution);
    // It waits for a lock or a thread, and gives that up.
    else if (execution.state === "preparing") execution.abort(reason);
  }
}

/** Waits until a condition holds, `ms` milliseconds at most. */
async function until(
  holds: () => boolean,
  ms: number,
  { changed, clock }: { changed: Notice; clock: Clock },
): Promise<void> {
  const over = new AbortController();
  const time = delay(ms, { clock, signal: over.signal }).catch(() => {});
  let isOver = false;
  void time.then(() => isOver = true);
  while (!holds() && !isOver) await Promise.race([changed.wait(), time]);
  over.abort();
}

/** Waits until every outcome is stored, or gives up. */
async function stored({ outbox, pump, giveUp }: ShutdownRoles, { clock, logger }: ShutdownOptions): Promise<void> {
  const late = () => new TimeoutError(`Redis did not answer within ${brokerTimeout} ms`);
  try {
    await within(Promise.all([outbox.idle(), pump.idle()]), brokerTimeout, { clock, late });
  } catch (error) {
    logger.error(`Outcomes that could not be stored are left to other workers: ${error}`);
    giveUp.abort(error);
  }
}
