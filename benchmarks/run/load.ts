import { existsSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** The unit of the times in `/proc`: hundredths of a second on every Linux that Node runs on. */
const TICK = 10;

/** Processor time until a moment, in milliseconds. */
interface Sample {
  readonly at: number;
  readonly busy: number;
  readonly own: number;
}

/** Options of {@linkcode Load}. */
export interface LoadOptions {
  /** The foreign load, in processors, up to which the machine counts as quiet. */
  readonly threshold: number;
  /** How long one wait for a quiet machine may take, in milliseconds. */
  readonly timeout: number;
  /** How long all waits together may take, in milliseconds. */
  readonly budget: number;
  /** How long the load is observed before it counts, in milliseconds. */
  readonly window: number;
}

/**
 * The load that other programs put on the machine, in processors: the time of all processors that is neither idle nor
 * spent in the processes of the benchmark. Unknown, and `NaN`, on systems without `/proc`.
 */
export class Load {
  readonly threshold: number;
  readonly #own = new Set<number>();
  readonly #options: LoadOptions;
  #budget: number;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.threshold = options.threshold;
    this.#budget = options.budget;
  }

  /** Counts a process as the benchmark's own until the returned function is called. */
  own(pid: number): () => void {
    this.#own.add(pid);
    return () => void this.#own.delete(pid);
  }

  /** Waits until the machine is quiet, or until the timeout. Resolves to whether it is quiet. */
  async waitUntilQuiet(): Promise<boolean> {
    if (!existsSync("/proc/stat")) return true;
    const { timeout, window } = this.#options;
    const started = performance.now();
    for (;;) {
      const before = this.sample();
      await delay(window);
      if (foreignLoad(before, this.sample()) <= this.threshold) return true;
      const waited = performance.now() - started;
      if (waited > Math.min(timeout, this.#budget)) {
        this.#budget -= waited;
        return false;
      }
    }
  }

  /** Notes the moment, for {@linkcode foreignLoad}. */
  sample(): Sample {
    const own = [...this.#own].reduce((sum, pid) => sum + processTime(pid), 0);
    return { at: performance.now(), busy: machineTime(), own };
  }
}

/** Returns the foreign load between two moments. */
export function foreignLoad(before: Sample, after: Sample): number {
  const foreign = after.busy - before.busy - (after.own - before.own);
  return Math.max(0, foreign / (after.at - before.at));
}

function machineTime(): number {
  if (!existsSync("/proc/stat")) return NaN;
  const [user, nice, system, _idle, _iowait, irq, softirq, steal] = readFileSync("/proc/stat", "utf8")
    .split("\n", 1)[0]!.split(/\s+/).slice(1).map(Number);
  return (user! + nice! + system! + irq! + softirq! + steal!) * TICK;
}

/** Returns the time of a process and of the children that it has waited for. */
function processTime(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field, a name in brackets, may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * TICK;
  } catch {
    return 0; // It has exited.
  }
}
