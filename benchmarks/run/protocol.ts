import type { Work } from "../systems/system.ts";

/** The calls that a measured process answers, one at a time. */
export interface SideCalls {
  /** Connects a producer. */
  openProducer(redisUrl: string, queueName: string): null;
  /** Connects a worker, which runs nothing yet. */
  openConsumer(redisUrl: string, queueName: string, concurrency: number): null;
  close(): null;

  /** Enqueues tasks with one call for each `perCall` of them. Returns the milliseconds. */
  enqueueBulk(work: Work, count: number, perCall: number): number;
  /** Enqueues tasks one at a time, `inFlight` of them concurrently. Returns the milliseconds. */
  enqueueEach(work: Work, count: number, inFlight: number): number;
  /** Makes round trips, `inFlight` of them concurrently, until `maxMs`. Returns the milliseconds that each took. */
  roundTrips(count: number, inFlight: number, maxMs: number): number[];
  /** Makes the worker run tasks. */
  start(): null;

  /** Connects a client. */
  openClient(redisUrl: string): null;
  /** Sends commands of one kind. Returns the milliseconds. */
  send(row: string, count: number): number;

  usage(): SideUsage;
}

/** The resources that a measured process has used since it was started. */
export interface SideUsage {
  /** User and system time, in milliseconds. */
  readonly cpuMs: number;
  /** How many tasks were called since the worker was opened. */
  readonly calls: number;
  /** When the first of them was called, in milliseconds of the epoch; 0 if none was. */
  readonly firstCall: number;
}

/** A call on its way to a measured process. */
export interface SideRequest {
  readonly call: keyof SideCalls;
  readonly args: readonly unknown[];
}

/** The answer to it. */
export type SideReply = { readonly answer: unknown } | { readonly error: string };

/** Begins a line of standard output that is a reply: packages may print others. */
export const REPLY_MARK = "@reply ";
