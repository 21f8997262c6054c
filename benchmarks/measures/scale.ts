/** How much is measured. */
export interface Scale {
  /** How many tasks are enqueued and drained; one table for each number. */
  readonly tasks: readonly number[];
  /** How many tasks each process handles before it is measured. */
  readonly warmUp: number;
  readonly roundTrips: number;
  /** After how long a system is not asked for more of them, in milliseconds. */
  readonly roundTripTime: number;
  readonly sleepers: number;
  /** How long they sleep, in milliseconds. */
  readonly sleepMs: number;
  readonly payloads: readonly { readonly name: string; readonly size: number; readonly tasks: number }[];
  /** The numbers of tasks between which the cost of a task is compared. */
  readonly growth: readonly number[];
  /** How many commands a client sends in each row; a tenth where it awaits each. */
  readonly commands: number;
}

export const FULL: Scale = {
  tasks: [20_000, 100_000],
  warmUp: 5_000,
  roundTrips: 2_000,
  roundTripTime: 20_000,
  sleepers: 1_000,
  sleepMs: 1_000,
  payloads: [
    { name: "10KiB", size: 10 * 1024, tasks: 2_000 },
    { name: "1MiB", size: 1024 ** 2, tasks: 100 },
  ],
  growth: [1_000, 10_000, 100_000, 1_000_000],
  commands: 100_000,
};

/** For a look that takes less than two minutes. */
export const SHORT: Scale = {
  tasks: [1_000],
  warmUp: 100,
  roundTrips: 100,
  roundTripTime: 1_000,
  sleepers: 200,
  sleepMs: 200,
  payloads: [
    { name: "10KiB", size: 10 * 1024, tasks: 200 },
    { name: "1MiB", size: 1024 ** 2, tasks: 10 },
  ],
  growth: [1_000, 10_000],
  commands: 5_000,
};
