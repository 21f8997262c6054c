/** The callbacks that wait for each signal, all called by one listener. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls a function when a signal is aborted; immediately, if it is aborted already.
 *
 * The signal has one listener, however many callbacks wait: with more than ten, Node warns of a memory leak. It has
 * none when no callback waits.
 *
 * @param callback Must not throw.
 * @returns Removes the callback. Safe to call repeatedly.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  const callbacks = waiting.get(signal) ?? listen(signal);
  // A wrapper of its own, so that the same function can wait twice.
  const entry = () => callback();
  callbacks.add(entry);
  return () => {
    if (callbacks.delete(entry) && callbacks.size === 0) unlisten(signal);
  };
}

function listen(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  waiting.set(signal, callbacks);
  signal.addEventListener("abort", callAll, { once: true });
  return callbacks;
}

function unlisten(signal: AbortSignal): void {
  waiting.delete(signal);
  signal.removeEventListener("abort", callAll);
}

function callAll(this: AbortSignal): void {
  const callbacks = waiting.get(this);
  waiting.delete(this);
  for (const callback of callbacks ?? []) callback();
}
