import type { QueueEvent } from "../contract/consumer.ts";

/** Tells all workers of a queue what cannot wait, after whoever caused it has come to an end. */
export class EventBus {
  readonly #listeners = new Set<(news: QueueEvent) => void>();
  /** What is to be told, each once. */
  #news = new Map<string, QueueEvent>();

  /** Calls `listener` from now on; answers how to stop that. */
  listen(listener: (news: QueueEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  say(news: QueueEvent): void {
    if (this.#listeners.size === 0) return;
    if (this.#news.size === 0) queueMicrotask(() => this.#tell());
    const key = news.kind === "aborted" ? `aborted ${news.taskId}` : news.kind;
    const said = this.#news.get(key);
    // Of several that are due the first counts.
    if (said?.kind === "due" && news.kind === "due" && said.ms <= news.ms) return;
    this.#news.set(key, news);
  }

  #tell(): void {
    const all = this.#news;
    this.#news = new Map();
    for (const news of all.values()) {
      for (const listener of this.#listeners) listener(news);
    }
  }
}
