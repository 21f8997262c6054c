import { delay, type Notice, within } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import { TimeoutError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Executor } from "./executor.ts";
import type { Held } from "./held.ts";
import { ShutdownError } from "./outcome.ts";
import { nameOf, type Settler } from "./settler.ts";
import type { Outbox } from "./outbox.ts";

/** What a shutdown needs of its worker. */
export interface ShutdownOptions {
  readonly workerId: string;
  readonly held: Held;
  readonly executor: Executor;
  readonly settler: Settler;
  readonly store: Outbox;
  /** Notified when a slot was vacated, or an outcome became known. */
  readonly changed: Notice;
  /** How long running tasks may go on, in milliseconds. */
  readonly gracePeriod: number;
  /** Aborted when the store has not answered for long enough. */
  readonly giveUp: AbortController;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** After its signal was aborted, a function may still return a value for this long, in milliseconds. */
const lastChance = 500;
/** How long a shutdown waits for a store that does not answer, in milliseconds. */
const storePatience = 5000;

/** Empties a worker that starts nothing more: hands back what waits, lets finish what runs, and then stops it. */
export async function shutDown(options: ShutdownOptions): Promise<void> {
  const { workerId, held, executor, gracePeriod, logger } = options;
  const reason = new ShutdownError(`The worker shuts down: ${workerId}`);
  handBack(options, reason);
  const open = held.running - held.lingering;
  if (open > 0 && gracePeriod > 0) {
    logger.info(`waiting up to ${gracePeriod} ms for ${open} tasks in worker ${workerId}`);
    await until(() => held.running === held.lingering, gracePeriod, options);
  }
  for (const execution of held.executions) execution.abort(reason);
  await until(() => held.running === 0, lastChance, options);
  for (const execution of held.executions) {
    if (execution.isConcluded) continue;
    const { taskId } = execution.delivery;
    logger.warn(`task ${nameOf(execution)} ${taskId} ignores its signal: its next run may overlap this one`);
    executor.abandon(execution);
  }
  await settled(options);
}

/** Hands back what has not begun. */
function handBack({ held, settler }: ShutdownOptions, reason: ShutdownError): void {
  for (const delivery of held.takeAll()) settler.release(delivery);
  for (const execution of [...held.executions]) {
    if (execution.tries === 0) {
      // Nobody waits for the answer to its start any more.
      held.vacate(execution);
      settler.release(execution.delivery);
    } else if (!execution.hasBegun) {
      // It waits for a lock or a thread, and gives that up.
      execution.abort(reason);
    }
  }
}

/** Waits until something holds, `ms` milliseconds at most. */
async function until(holds: () => boolean, ms: number, { changed, clock }: ShutdownOptions): Promise<void> {
  const over = new AbortController();
  const time = delay(ms, { clock, signal: over.signal }).catch(() => {});
  let isOver = false;
  void time.then(() => isOver = true);
  while (!holds() && !isOver) await Promise.race([changed.wait(), time]);
  over.abort();
}

/** Waits until every end is stored, or gives up. */
async function settled({ store, giveUp, clock, logger }: ShutdownOptions): Promise<void> {
  const late = () => new TimeoutError(`Redis did not answer within ${storePatience} ms`);
  try {
    await within(store.idle(), storePatience, { clock, late });
  } catch (error) {
    logger.error(`What could not be stored is left to other workers: ${error}`);
    giveUp.abort(error);
  }
}
