import { StreaqError } from "../../base/errors.ts";

/** How many tasks that have not ended one queue holds. */
export const taskLimit = 2_000_000;
/** How large all records, inputs and results of one queue are together, in characters or bytes. */
export const byteLimit: number = 1024 ** 3;
/** What an end counts for besides its result, in bytes: it is remembered even where no result is kept. */
export const endSize = 100;

/** What a queue holds, against how much it may: memory is not for a queue alone. */
export class Budget {
  readonly #limits: { readonly tasks: number; readonly bytes: number };
  #tasks = 0;
  #bytes = 0;

  constructor(limits: { tasks: number; bytes: number } = { tasks: taskLimit, bytes: byteLimit }) {
    this.#limits = limits;
  }

  /** How many tasks there are. */
  get tasks(): number {
    return this.#tasks;
  }

  /** How large all of it is. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What to refuse more tasks with, of so many bytes together; `undefined` when there is room. */
  refusal(tasks: number, bytes: number): StreaqError | undefined {
    const { tasks: mostTasks, bytes: mostBytes } = this.#limits;
    if (this.#tasks + tasks > mostTasks) {
      return new StreaqError(`the queue in memory is full, it holds at most ${mostTasks} tasks`);
    }
    if (this.#bytes + bytes > mostBytes) {
      return new StreaqError(`the queue in memory is full, it holds at most ${mostBytes} bytes`);
    }
    return undefined;
  }

  /** Counts what comes, or with negative numbers what goes. */
  add(tasks: number, bytes: number): void {
    this.#tasks += tasks;
    this.#bytes += bytes;
  }
}
