import { setTimeout as delay } from "node:timers/promises";

/** Resolves to how a promise settles, or to "pending" if it has not within `ms` milliseconds. */
export async function settled(promise: Promise<unknown>, ms: number): Promise<"resolved" | "rejected" | "pending"> {
  const outcome = promise.then(() => "resolved" as const, () => "rejected" as const);
  const over = new AbortController();
  try {
    return await Promise.race([outcome, delay(ms, "pending" as const, { signal: over.signal })]);
  } finally {
    over.abort();
  }
}

/** Creates a promise, and the function that resolves it. */
export function gate(): { open(): void; readonly opened: Promise<void> } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  return { open, opened };
}
