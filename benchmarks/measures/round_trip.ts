import { costBetween } from "../run/cell.ts";
import { count as integer, digits } from "../report/format.ts";
import { quantile } from "../report/statistics.ts";
import { systems } from "../systems/registry.ts";
import { type Column, type Measure, NotOfferedError, type Part } from "./measure.ts";
import { CONCURRENCY, systemOf, timeOf, workerTime } from "./queue.ts";
import type { Scale } from "./scale.ts";

const columns: readonly Column[] = [
  { key: "median", label: "median ms", format: digits, main: true },
  { key: "p99", label: "99th percentile ms", format: digits, main: true },
  { key: "rate", label: "trips/s", format: integer },
  { key: "producer", label: "producer µs", format: digits },
  { key: "worker", label: "worker µs", format: digits },
  { key: "redis", label: "Redis µs", format: digits },
  { key: "trips", label: "trips", format: integer },
];

/** Enqueuing a task and waiting for its result. */
export function roundTrip({ roundTrips, roundTripTime, warmUp }: Scale): Measure {
  const part = (name: string, inFlight: number, title: string): Part => ({
    name,
    key: name,
    tables: [{ title, columns }],
    async run(cell, subject) {
      if (systemOf(subject).guarantees.waiting === "not offered") {
        throw new NotOfferedError("a producer cannot wait for a result");
      }
      await cell.clear();
      const [producer, worker] = [cell.side("producer"), cell.side("worker-1")];
      await producer.call("openProducer", cell.redisUrl, "bench");
      await worker.call("openConsumer", cell.redisUrl, "bench", CONCURRENCY);
      await worker.call("start");
      await producer.call("roundTrips", Math.min(warmUp, roundTrips), inFlight, roundTripTime);
      const before = await cell.read();
      const started = performance.now();
      const times = await cell.observe(() => producer.call("roundTrips", roundTrips, inFlight, roundTripTime));
      const ms = performance.now() - started;
      const cost = costBetween(before, await cell.read());
      await worker.call("close");
      await producer.call("close");
      return {
        median: quantile(times, 0.5),
        p99: quantile(times, 0.99),
        rate: times.length / ms * 1000,
        producer: timeOf("producer", cost, times.length),
        worker: workerTime(cost, times.length),
        redis: timeOf("redis", cost, times.length),
        trips: times.length,
      };
    },
  });
  return {
    name: "round-trip",
    title: "Round trip",
    text:
      `One process enqueues a no-op task and waits for its result, while a worker with ${CONCURRENCY} slots runs in ` +
      `another process: ${integer(roundTrips)} times one after another, and the same number under load, with ` +
      `${CONCURRENCY} in flight; fewer where they take longer than ${
        roundTripTime / 1000
      } s. Costs are per round trip.`,
    kind: "queue",
    subjects: systems,
    parts: [
      part("trip", 1, `${integer(roundTrips)} round trips, one after another`),
      part("trip-load", CONCURRENCY, `${integer(roundTrips)} round trips, ${CONCURRENCY} in flight`),
    ],
    baseline: "bullmq",
  };
}
