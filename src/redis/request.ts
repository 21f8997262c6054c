import { milliseconds } from "../base/duration.ts";
import { TimeoutError } from "../base/errors.ts";
import { Encoder } from "../resp/encoder.ts";
import { ReplyError } from "../resp/errors.ts";
import type { Reply } from "../resp/reply.ts";
import { Command, type CommandArguments, type CommandOptions } from "./command.ts";
import type { Pipeline } from "./pipeline.ts";

/**
 * Sends a command that its caller may lose patience with, and promises its reply.
 *
 * @param blocks For how many milliseconds the server may block on it.
 */
export function request(
  pipeline: Pipeline,
  args: CommandArguments,
  options: CommandOptions,
  blocks = 0,
): Promise<Reply> {
  return patiently(pipeline, args[0], options, (resolve, reject) => {
    const command = new Command(args, options.binary ?? false, resolve, reject);
    command.blocks = blocks;
    return command;
  });
}

/**
 * Sends a transaction in one piece, and promises the replies to its commands; `null` when a watched key was changed.
 *
 * @throws {ReplyError} When a command was refused while they were queued; nothing was executed then.
 */
export function transaction(
  pipeline: Pipeline,
  commands: readonly CommandArguments[],
  options: CommandOptions,
): Promise<Reply[] | null> {
  return patiently(pipeline, "EXEC", options, (resolve, reject) => {
    // What cannot be encoded must be known before anything of it is sent.
    const draft = new Encoder();
    for (const args of commands) draft.write(args);

    let refusal: ReplyError | undefined;
    const refuse = (reason: unknown): void => {
      if (!(reason instanceof ReplyError)) reject(reason);
      else refusal ??= reason;
    };
    const exec = new Command(["EXEC"], options.binary ?? false, resolve, (reason) => {
      reject(reason instanceof ReplyError ? refusal ?? reason : reason);
    });
    return [["MULTI"], ...commands].reduceRight<Command>((next, args) => {
      const command = new Command(args, false, () => {}, refuse);
      command.next = next;
      return command;
    }, exec);
  });
}

/** Sends what `make` makes, until it is settled, its signal is aborted, or its time is over. */
function patiently<T extends Reply>(
  pipeline: Pipeline,
  name: string,
  { signal, timeout }: CommandOptions,
  make: (resolve: (reply: Reply) => void, reject: (reason: unknown) => void) => Command,
): Promise<T> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise<T>((resolve, reject) => {
    const ms = timeout === undefined ? undefined : milliseconds(timeout, "timeout");
    const command = make((reply) => {
      done();
      resolve(reply as T);
    }, (reason) => {
      done();
      reject(reason);
    });
    const abort = (): void => pipeline.withdraw(command, signal?.reason);
    const timer = ms === undefined ? undefined : pipeline.settings.clock.timer(ms, () => {
      pipeline.expire(command, new TimeoutError(`No reply to ${name} within ${ms} ms`));
    });
    const done = (): void => {
      timer?.cancel();
      signal?.removeEventListener("abort", abort);
    };
    signal?.addEventListener("abort", abort);
    pipeline.send(command);
  });
}
