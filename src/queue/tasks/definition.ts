import type { ResolvedTaskOptions } from "./resolve_task_options.ts";
import type { Validator } from "./validator.ts";

/** The schedule of a function that is registered with `cron()`. */
export interface CronJob {
  readonly expression: string;
  readonly timeZone: string;
  /** How long after its due time an occurrence may first start, in milliseconds; `null` for no limit. */
  readonly maxScheduleDrift: number | null;
}

/** A registered function with its options. */
export interface Definition {
  readonly fnName: string;
  readonly fn: (...args: unknown[]) => unknown;
  readonly options: ResolvedTaskOptions;
  /** Checks its arguments and results, for a function that was registered with schemas. */
  readonly validator?: Validator | undefined;
  /** Its schedule, for a cron job. */
  readonly cron: CronJob | undefined;
}
