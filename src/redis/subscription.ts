import { BoundedStream, type StreamOptions } from "./stream.ts";
import type { Subscriber } from "./subscriber.ts";

/** A message that was published on a channel. */
export interface Message {
  /** The channel. */
  readonly channel: string;
  /** What was published, as text. */
  readonly message: string;
}

/** Options of {@linkcode RedisClient.subscribe}. */
export interface SubscribeOptions extends StreamOptions {
  /**
   * Called when all channels are subscribed, and again each time they are after a lost connection. What it throws, or
   * what a promise that it returns rejects with, ends the iteration.
   */
  onSubscribed?: (() => unknown) | undefined;
}

const decoder: { decode(bytes: Uint8Array): string } = new TextDecoder("utf-8", { ignoreBOM: true });

/** The messages of some channels, from now on. */
export function subscribe(
  subscriber: Subscriber,
  channels: readonly string[],
  { onSubscribed, ...options }: SubscribeOptions,
): AsyncIterableIterator<Message> {
  const names = new Set(channels);
  /** Those that are yet to be confirmed. */
  const missing = new Set(names);
  const stops: (() => void)[] = [];
  const stream = new BoundedStream<Message>(options, () => stops.forEach((stop) => stop()));

  const confirm = async (channel: string): Promise<void> => {
    if (!missing.delete(channel) || missing.size > 0) return;
    // The next confirmations will be those after a lost connection.
    for (const name of names) missing.add(name);
    await onSubscribed?.();
  };
  try {
    for (const channel of stream.open ? names : []) {
      stops.push(subscriber.listen(channel, {
        message: (payload) => stream.push({ channel, message: decoder.decode(payload) }),
        subscribed: () => void confirm(channel).catch((reason) => stream.end({ reason })),
        failed: (reason) => stream.end({ reason }),
        closed: (reason) => stream.end(reason.code === "CLOSED" ? undefined : { reason }),
      }));
    }
  } catch (reason) {
    stream.end({ reason });
  }
  return stream;
}
