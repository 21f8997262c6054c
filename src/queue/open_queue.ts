import type { Broker } from "../broker/contract/broker.ts";
import { openBroker } from "../broker/open.ts";
import { Calendar } from "./schedule/calendar.ts";
import type { Definition } from "./tasks/definition.ts";
import { Producer } from "./enqueue/producer.ts";
import { RecordCodec } from "./records/record_codec.ts";
import { TolerantCodec } from "./records/tolerant_codec.ts";
import { Inspector } from "./inspect/inspector.ts";
import { inside } from "./context/inside.ts";
import type { ResolvedWorkerOptions } from "./options/worker_options.ts";

/** The parts that a worker reaches its queue with. */
export interface OpenQueue {
  readonly broker: Broker;
  readonly codec: RecordCodec;
  readonly calendar: Calendar;
  readonly producer: Producer;
  readonly inspector: Inspector;
}

/**
 * Wires up a queue; nothing connects yet.
 *
 * @param definition The function of a name, where it is known.
 * @throws {TypeError} When the URL, or the secret, is none.
 */
export function openQueue<C>(
  options: ResolvedWorkerOptions<C>,
  definition: (fnName: string) => Definition | undefined,
): OpenQueue {
  const codec = new RecordCodec(options);
  const calendar = new Calendar();
  const records = new TolerantCodec({ ...options, codec, definition, workerId: options.id });
  const broker = openBroker({ ...options, binary: codec.binary, reader: records, isInThread: inside() !== undefined });
  const inspector = new Inspector({ ...options, broker, codec, records });
  const producer = new Producer({
    ...options,
    name: options.queueName,
    publishing: broker,
    codec,
    calendar,
    inspector,
  });
  return { broker, codec, calendar, producer, inspector };
}
