import { onAbort } from "../base/abort.ts";
import { milliseconds } from "../base/duration.ts";
import { TimeoutError } from "../base/errors.ts";
import { Encoder } from "../resp/encoder.ts";
import { ReplyError } from "../resp/errors.ts";
import type { Reply } from "../resp/reply.ts";
import { Command, type CommandArguments, type CommandOptions } from "./command.ts";
import type { Pipeline } from "./pipeline.ts";

/**
 * Sends a command with a signal or a timeout; resolves to its reply.
 *
 * @param blockingTime How long the server may block on it, in milliseconds.
 */
export function request(
  pipeline: Pipeline,
  args: CommandArguments,
  options: CommandOptions,
  blockingTime = 0,
): Promise<Reply> {
  return send(pipeline, args[0], options, (resolve, reject) => {
    const command = new Command(args, options.binary ?? false, resolve, reject);
    command.blockingTime = blockingTime;
    return command;
  });
}

/**
 * Sends a transaction without other commands in between; resolves to the replies to its commands, or to `null` if a
 * watched key has changed.
 *
 * @throws {ReplyError} If the server refused to queue a command. Nothing was executed then.
 */
export function transaction(
  pipeline: Pipeline,
  commands: readonly CommandArguments[],
  options: CommandOptions,
): Promise<Reply[] | null> {
  return send(pipeline, "EXEC", options, (resolve, reject) => {
    // Encodes all commands first, so that an invalid argument throws before any of them is sent.
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

/**
 * Creates a command and sends it; withdraws it when its signal is aborted or its timeout is over.
 *
 * @param name Name of the command, for the error of a timeout.
 */
function send<T extends Reply>(
  pipeline: Pipeline,
  name: string,
  { signal, timeout }: CommandOptions,
  create: (resolve: (reply: Reply) => void, reject: (reason: unknown) => void) => Command,
): Promise<T> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise<T>((resolve, reject) => {
    const ms = timeout === undefined ? undefined : milliseconds(timeout, "timeout");
    const command = create((reply) => {
      cleanUp();
      resolve(reply as T);
    }, (reason) => {
      cleanUp();
      reject(reason);
    });
    const timer = ms === undefined ? undefined : pipeline.settings.clock.timer(ms, () => {
      pipeline.expire(command, new TimeoutError(`No reply to ${name} within ${ms} ms`));
    });
    const removeCallback = signal && onAbort(signal, () => pipeline.withdraw(command, signal.reason));
    const cleanUp = (): void => {
      timer?.cancel();
      removeCallback?.();
    };
    pipeline.send(command);
  });
}
