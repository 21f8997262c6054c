import type { Start, Started } from "../../src/broker/contract/delivery.ts";

/** A task in the model. */
export interface ModelTask {
  readonly priority: string;
  /** Where its entry is; `delayed` if it waits for a time instead, `gone` if it has neither. */
  place: "stream" | "pending" | "delayed" | "gone";
  /** The worker that holds the lease; `null` if it was released. */
  holder: string | null;
  deliveries: number;
  /** The entry that was delivered last. */
  entryId?: string;
  /** The lease of the run that is noted. */
  run: string | null;
  /** Number of tries spent. */
  tries: number;
  /** Number of consecutive runs that ended with the death of their worker. */
  crashes: number;
  /** Whether it has run without spending a try. */
  hasRun: boolean;
  result: string | null;
  /** The lease that deferred it last. */
  retriedBy?: string;
}

/** Expected outcome of a start, without its time. */
export type ModelStart = Omit<Started, "time"> | "lost" | "ended";

/** Returns a start without its time. */
export function untimed(start: Start): ModelStart {
  if (typeof start === "string") return start;
  const { time: _, ...rest } = start;
  return rest;
}

/** The lease of a task. */
export function leaseOf({ holder, entryId, deliveries }: ModelTask): string {
  return `${holder} ${entryId} ${deliveries}`;
}

/** The state that a queue shows. */
export function stateOf({ result, run, place }: ModelTask): string {
  if (result !== null) return "done";
  if (run !== null) return "running";
  return place === "delayed" ? "scheduled" : "queued";
}
