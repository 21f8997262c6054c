/**
 * The consumer that released entries belong to. No worker has this name, so the former lease is lost, and the former
 * consumer can be deleted without its entries.
 */
export const releasedConsumer = "released";

/** Idle time of released entries, in milliseconds: ten years, which is longer than any lease. */
export const releasedIdleTime = 315_360_000_000;
