import type { Clock } from "../../base/clock.ts";
import { retry, type RetryLoopOptions } from "../../base/retry.ts";
import { adviceFor, type CommandArguments, type CommandOptions, ConnectionError } from "../../redis/mod.ts";
import type { Reply } from "../../resp/reply.ts";
import type { CommandSender } from "./command_sender.ts";

/** Which errors of Redis are retried, how often and for how long; times are milliseconds. */
export const resending: Pick<RetryLoopOptions, "pause" | "giveUpAfter" | "isTransient"> = {
  pause: { min: 25, max: 1000 },
  giveUpAfter: 10_000,
  isTransient,
};

/**
 * Sends a command again after a transient error, above all a lost connection.
 *
 * This is the one place that decides about resending for producers and observers of a queue, and it may resend all of
 * their commands: reads change nothing, and a script that is sent twice has the same effect. Workers repeat their own
 * operations for as long as they run.
 */
export class ResendingClient implements CommandSender {
  readonly #redis: CommandSender;
  readonly #clock: Clock;
  #mayHaveRepeated = false;

  constructor(redis: CommandSender, { clock }: { clock: Clock }) {
    this.#redis = redis;
    this.#clock = clock;
  }

  /** Whether a command was sent again although it may have been executed before. */
  get mayHaveRepeated(): boolean {
    return this.#mayHaveRepeated;
  }

  command<T extends Reply = Reply>(args: CommandArguments, options?: CommandOptions): Promise<T> {
    return this.attempt(() => this.#redis.command<T>(args, options), options?.signal);
  }

  /**
   * Attempts an operation that sends commands itself, and attempts it again after a transient error.
   *
   * @param operation Learns whether this is the first attempt, so that none of its commands was executed before.
   */
  attempt<T>(operation: (isFirst: boolean) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    let isFirst = true;
    return retry(() => operation(isFirst), {
      ...resending,
      isTransient: (error) => {
        isFirst = false;
        this.#mayHaveRepeated ||= error instanceof ConnectionError && error.maybeExecuted;
        return isTransient(error);
      },
      clock: this.#clock,
      signal,
    });
  }
}

/** Whether an error passes by itself, so that a command is worth sending again. */
export function isTransient(error: unknown): boolean {
  // The client has already waited for a connection.
  if (error instanceof ConnectionError && error.code === "UNREACHABLE") return false;
  return adviceFor(error) === "retry";
}
