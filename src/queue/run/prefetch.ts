/** Over how long finished tasks are counted, in milliseconds. */
const span = 100;

/**
 * Limits how many tasks a worker buffers beyond its slots: as many as it finished within the last 100 ms, so that no worker
 * hoards what another could start.
 */
export class Prefetch {
  readonly #maximum: number;
  #spanStart = 0;
  #finished = 0;
  #before = 0;

  /** @param maximum The largest number of buffered tasks. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** Counts a task that has freed its slot. */
  finished(time: number): void {
    this.#turn(time);
    this.#finished++;
  }

  /** How many tasks may be buffered at `time`. */
  allowance(time: number): number {
    this.#turn(time);
    return Math.min(this.#maximum, Math.max(this.#finished, this.#before));
  }

  #turn(time: number): void {
    const passed = time - this.#spanStart;
    if (passed < span) return;
    this.#before = passed < 2 * span ? this.#finished : 0;
    this.#finished = 0;
    this.#spanStart = time;
  }
}
