import process from "node:process";

/** The signals that ask for a shutdown, and the exit status of a process that they end at once. */
const signals = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Calls `onFirst` on the first SIGINT or SIGTERM; the second one ends the process at once.
 *
 * @returns A function that stops listening.
 */
export function listenForSignals(onFirst: (signal: string) => void): () => void {
  let asked = false;
  const listener = (signal: keyof typeof signals): void => {
    if (asked) process.exit(signals[signal]);
    asked = true;
    onFirst(signal);
  };
  const names = Object.keys(signals) as (keyof typeof signals)[];
  for (const name of names) process.on(name, listener);
  return () => {
    for (const name of names) process.off(name, listener);
  };
}
