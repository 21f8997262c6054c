import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { onAbort } from "../base/abort.ts";

/** A child process that runs this program. */
export interface Child {
  /** Process id. */
  readonly pid: number;
  /** Resolves when the process has exited. */
  readonly exited: Promise<Exit>;
}

/** How a child process has exited. */
export interface Exit {
  /** Exit code; after a signal 128 plus its number, as in a shell. */
  readonly code: number;
  /** Whether the process has reported that it printed why it failed. A process that crashes does not. */
  readonly isExplained: boolean;
}

/** Message of a child process that is about to exit with an error that it has printed. */
export const EXPLAINED = "explained";

/**
 * Starts a child process that shares the output of this process. An IPC channel connects both.
 *
 * The child shuts down gracefully when the channel is closed, which also happens when this process dies. A signal would
 * not do: one from the terminal reaches every process anyway, and a second one would exit the child immediately.
 *
 * @param options.stop When it is aborted, the child is shut down.
 * @param options.kill When it is aborted, the child is killed.
 */
export function startChild(
  [command, ...args]: readonly [command: string, ...args: string[]],
  { stop, kill }: { stop: AbortSignal; kill: AbortSignal },
): Child {
  const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  let isExplained = false;
  child.on("message", (message) => isExplained ||= message === EXPLAINED);
  const removeCallbacks = [
    onAbort(stop, () => child.connected && child.disconnect()),
    onAbort(kill, () => child.kill("SIGKILL")),
  ];

  async function waitForExit(): Promise<Exit> {
    try {
      // Messages arrive before the channel is closed.
      const [[code, signal]] = await Promise.all([once(child, "exit"), once(child, "disconnect")]);
      return { code: code ?? 128 + constants.signals[signal as NodeJS.Signals], isExplained };
    } finally {
      for (const remove of removeCallbacks) remove();
    }
  }
  return { pid: child.pid ?? 0, exited: waitForExit() };
}
