/**
 * Who holds what was handed back. No worker has this name, so the former holder's lease is lost and its consumer can be
 * deleted without the entries that it had.
 */
export const nobody = "released";

/** Idle for ten years: longer than any lease. */
export const longIdle = 315_360_000_000;
