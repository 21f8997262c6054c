import type { BrokenEntry, Delivery } from "../contract/delivery.ts";
import { isBefore } from "./scripts/lease/entry_id.ts";

/** The record of one consumer's leases: how far it has read each stream, and the entries that it is discarding. */
export class LeasedEntries {
  readonly #largest = new Map<string, string>();
  readonly #broken = new Set<BrokenEntry>();

  /** The largest entry id that was ever leased here, by priority. */
  get largest(): ReadonlyMap<string, string> {
    return this.#largest;
  }

  /** Entries that are being discarded; a search for expired leases passes over them. */
  get broken(): Iterable<BrokenEntry> {
    return this.#broken;
  }

  /** Notes what was leased. */
  note(
    { deliveries, broken }: { readonly deliveries: readonly Delivery[]; readonly broken: readonly BrokenEntry[] },
  ): void {
    for (const { priority, entryId } of deliveries) this.#noteEntry(priority, entryId);
    for (const entry of broken) {
      this.#broken.add(entry);
      this.#noteEntry(entry.priority, entry.entryId);
    }
  }

  /** Notes that entries were discarded, or are left to a later search. */
  discarded(entries: readonly BrokenEntry[]): void {
    for (const entry of entries) this.#broken.delete(entry);
  }

  #noteEntry(priority: string, entryId: string): void {
    const largest = this.#largest.get(priority);
    if (largest === undefined || isBefore(largest, entryId)) this.#largest.set(priority, entryId);
  }
}
