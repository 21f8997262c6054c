import { setTimeout as delay } from "node:timers/promises";

/** How a promise settles, or that it has not after some time. */
export async function settled(promise: Promise<unknown>, ms: number): Promise<"resolved" | "rejected" | "pending"> {
  const outcome = promise.then(() => "resolved" as const, () => "rejected" as const);
  const over = new AbortController();
  try {
    return await Promise.race([outcome, delay(ms, "pending" as const, { signal: over.signal })]);
  } finally {
    over.abort();
  }
}

/** Something to open once. */
export function gate(): { open(): void; readonly opened: Promise<void> } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  return { open, opened };
}
