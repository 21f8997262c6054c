import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";

/** A process that runs this program. */
export interface Child {
  /** The number of the process. */
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<Completion>;
}

/** How a child process ended. */
export interface Completion {
  /** Its exit code; 128 and the number of the signal that ended it, as in a shell. */
  readonly code: number;
  /** Whether it has printed why it failed. A process that crashes has no time for that. */
  readonly explained: boolean;
}

/** What a process sends through its channel when it ends for a reason that it has printed. */
export const EXPLAINED = "explained";

/**
 * Starts a process that shares our output and has a channel to us. It shuts down gracefully when the channel is closed,
 * as it also is when we are gone. A signal would do the same, but one from the terminal reaches every process by itself,
 * and a second one means haste.
 *
 * @param options.stop When to shut it down.
 * @param options.kill When to end it at once.
 */
export function startChild(
  [command, ...args]: readonly [command: string, ...args: string[]],
  { stop, kill }: { stop: AbortSignal; kill: AbortSignal },
): Child {
  const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  let explained = false;
  child.on("message", (message) => explained ||= message === EXPLAINED);
  const onStop = () => child.connected && child.disconnect();
  const onKill = () => child.kill("SIGKILL");
  stop.addEventListener("abort", onStop);
  kill.addEventListener("abort", onKill);
  if (stop.aborted) onStop();
  if (kill.aborted) onKill();

  async function end(): Promise<Completion> {
    try {
      // What it has sent comes before the end of the channel.
      const [[code, signal]] = await Promise.all([once(child, "exit"), once(child, "disconnect")]);
      return { code: code ?? 128 + constants.signals[signal as NodeJS.Signals], explained };
    } finally {
      stop.removeEventListener("abort", onStop);
      kill.removeEventListener("abort", onKill);
    }
  }
  return { pid: child.pid ?? 0, ended: end() };
}
