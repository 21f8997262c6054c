import type { QueueEvent } from "../contract/membership.ts";

/** Notifies all workers of a queue of events, once the code that caused them has returned. */
export class EventBus {
  readonly #listeners = new Set<(event: QueueEvent) => void>();
  /** Events to be delivered, each once. */
  #events = new Map<string, QueueEvent>();

  /** Calls `listener` with every event from now on; returns a function that stops it. */
  listen(listener: (event: QueueEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Delivers an event to all listeners in a microtask; equal events that are still to be delivered become one. */
  emit(event: QueueEvent): void {
    if (this.#listeners.size === 0) return;
    if (this.#events.size === 0) queueMicrotask(() => this.#deliver());
    const key = event.kind === "aborted" ? `aborted ${event.taskId}` : event.kind;
    const previous = this.#events.get(key);
    // Of several due times, the earliest counts.
    if (previous?.kind === "due" && event.kind === "due" && previous.ms <= event.ms) return;
    this.#events.set(key, event);
  }

  #deliver(): void {
    const events = this.#events;
    this.#events = new Map();
    for (const event of events.values()) {
      for (const listener of this.#listeners) listener(event);
    }
  }
}
