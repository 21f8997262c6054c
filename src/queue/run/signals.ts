import process from "node:process";
import type { Clock } from "../../base/clock.ts";

/** A worker that shuts down on signals of the process. */
interface Subscriber {
  readonly clock: Clock;
  readonly onFirst: (signal: Signal) => void;
  readonly onSecond: () => void;
  /** When the first signal came, by the monotonic clock. */
  firstTime: number | undefined;
}

type Signal = "SIGINT" | "SIGTERM";

/** Terminals, process groups, runners and frameworks deliver one stop twice: signals this close, in milliseconds, are one. */
const sameStop = 500;
/** The exit code of a process that SIGINT has ended. */
const interrupted = 130;

/** All workers of the process: it has one listener for them, however many there are. */
const subscribers = new Set<Subscriber>();

/**
 * Calls `onFirst` on the first SIGINT or SIGTERM. A SIGINT more than 500 ms later, a second press of Ctrl+C, calls
 * `onSecond`, which ends the process unless given; SIGTERM never does so, however often it comes.
 *
 * @returns A function that stops listening.
 */
export function listenForSignals(
  onFirst: (signal: Signal) => void,
  { clock, onSecond = () => process.exit(interrupted) }: { clock: Clock; onSecond?: () => void },
): () => void {
  const subscriber: Subscriber = { clock, onFirst, onSecond, firstTime: undefined };
  if (subscribers.size === 0) {
    process.on("SIGINT", receive);
    process.on("SIGTERM", receive);
  }
  subscribers.add(subscriber);
  return () => {
    if (!subscribers.delete(subscriber) || subscribers.size > 0) return;
    process.off("SIGINT", receive);
    process.off("SIGTERM", receive);
  };
}

function receive(signal: Signal): void {
  for (const subscriber of [...subscribers]) {
    const { clock, firstTime, onFirst, onSecond } = subscriber;
    const time = clock.monotonic();
    if (firstTime === undefined) {
      subscriber.firstTime = time;
      onFirst(signal);
    } else if (signal === "SIGINT" && time - firstTime > sameStop) {
      onSecond();
    }
  }
}
