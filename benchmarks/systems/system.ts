import type { RedisClient } from "../../src/redis/mod.ts";
import type { Subject } from "../run/subject.ts";

/** The functions that every system registers: one returns at once, the other sleeps for the milliseconds it is given. */
export type Task = "noop" | "sleep";

/** The tasks to enqueue: which function they call, and with which arguments. */
export interface Work {
  readonly task: Task;
  /** The milliseconds that a sleeping task takes. */
  readonly ms?: number;
  /** The length of the text that each task carries. @default {0} */
  readonly size?: number;
}

/** A task queue that is measured: what the driver needs to know about it. */
export interface System extends Subject {
  /** Its guarantees for the measured tasks. */
  readonly guarantees: Guarantees;
  /** How it is set up where that differs from its defaults, and why. */
  readonly setup: string;
  /** Resolves to how many of `total` tasks are complete, their results stored. Takes constant time on the server. */
  countComplete(redis: RedisClient, queueName: string, total: number): Promise<number>;
}

/** The guarantees of a system for the measured tasks, each in a few words. */
export interface Guarantees {
  /** How often a task runs when its worker crashes. */
  readonly delivery: string;
  /** How another worker notices that one has crashed. */
  readonly recovery: string;
  /** Whether starting and completing a task are each one step in Redis. */
  readonly atomicity: string;
  /** Which data of a complete task is kept, and for how long. */
  readonly result: string;
  /** How a producer waits for a result, or that it cannot. */
  readonly waiting: string;
}

/** The part of a system that runs in the measured processes. */
export interface Adapter {
  openProducer(redisUrl: string, queueName: string): Promise<Producer>;
  /** Connects a worker, which runs nothing until it is started. */
  openConsumer(options: ConsumerOptions): Promise<Consumer>;
}

export interface ConsumerOptions {
  readonly redisUrl: string;
  readonly queueName: string;
  readonly concurrency: number;
  /** The functions that the tasks call. */
  readonly functions: Functions;
}

/** The bodies of the tasks, the same for every system. */
export interface Functions {
  noop(): Promise<void>;
  sleep(ms: number): Promise<void>;
}

/** The side of a queue that enqueues tasks. */
export interface Producer {
  /** Enqueues tasks with one call of the system, or, where it has none for many tasks, all at once. */
  enqueueBulk(work: Work, count: number): Promise<void>;
  /** Enqueues one task. */
  enqueueOne(work: Work): Promise<void>;
  /** Enqueues a no-op task and waits for its result. Missing where the system cannot wait. */
  roundTrip?(): Promise<void>;
  close(): Promise<void>;
}

/** The side of a queue that runs tasks. */
export interface Consumer {
  /** Starts to run tasks, and returns. */
  start(): void;
  close(): Promise<void>;
}

/** Returns the text that each task of `work` carries. */
export function textOf({ size = 0 }: Work): string {
  return "x".repeat(size);
}
