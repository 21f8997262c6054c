import type { Broker } from "../broker/contract/broker.ts";
import { openBroker } from "../broker/open.ts";
import { isInThread } from "./context/thread_globals.ts";
import { Producer } from "./enqueue/producer.ts";
import { FailedTasks } from "./failures/failed_tasks.ts";
import { Inspector } from "./inspect/inspector.ts";
import type { ResolvedWorkerOptions } from "./options/resolve_worker_options.ts";
import { RecordCodec } from "./records/record_codec.ts";
import { TolerantCodec } from "./records/tolerant_codec.ts";
import { Calendar } from "./schedule/calendar.ts";
import type { Definition } from "./tasks/definition.ts";

/** The parts of a queue that a worker uses. */
export interface OpenQueue {
  readonly broker: Broker;
  readonly codec: RecordCodec;
  readonly calendar: Calendar;
  readonly producer: Producer;
  readonly inspector: Inspector;
  readonly failedTasks: FailedTasks;
}

/**
 * Creates the parts of a queue and connects them to each other; nothing connects to Redis yet.
 *
 * @param definition Looks up a registered task.
 * @throws {TypeError} When the URL or the secret is invalid.
 */
export function openQueue<C>(
  options: ResolvedWorkerOptions<C>,
  definition: (fnName: string) => Definition | undefined,
): OpenQueue {
  const codec = new RecordCodec(options);
  const calendar = new Calendar();
  const records = new TolerantCodec({ ...options, codec, definition, workerId: options.id });
  const broker = openBroker({ ...options, binary: codec.binary, reader: records, isInThread: isInThread() });
  const inspector = new Inspector({ ...options, broker, codec, records });
  const failedTasks = new FailedTasks({ failures: broker.failures, records });
  const producer = new Producer({ ...options, publishing: broker, codec, calendar, inspector, failedTasks });
  return { broker, codec, calendar, producer, inspector, failedTasks };
}
