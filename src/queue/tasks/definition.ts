import type { ResolvedTaskOptions } from "./task_options.ts";

/** When a function runs by itself. */
export interface CronJob {
  readonly expression: string;
  readonly timeZone: string;
  /** How late an occurrence may start, in milliseconds; `null` for no limit. */
  readonly maxScheduleDrift: number | null;
}

/** A registered task as the worker sees it: any function, with its options. */
export interface Definition {
  readonly fnName: string;
  readonly fn: (...args: unknown[]) => unknown;
  readonly options: ResolvedTaskOptions;
  /** When it runs by itself, if it does. */
  readonly cron: CronJob | undefined;
}
