import { checkOptionNames, type OptionNames } from "../base/known_options.ts";
import { BoundedStream, streamOptionNames, type StreamOptions } from "./stream.ts";
import type { Subscriber } from "./subscriber.ts";

/** A message that was published on a channel. */
export interface Message {
  /** Name of the channel. */
  readonly channel: string;
  /** The message as text. */
  readonly message: string;
}

/** Options of {@linkcode RedisClient.subscribe}. */
export interface SubscribeOptions extends StreamOptions {
  /**
   * Called when all channels are subscribed, and again after each lost connection. If it throws, or returns a promise
   * that rejects, the iteration rejects with that error.
   */
  onSubscribed?: (() => unknown) | undefined;
}

const names: OptionNames<SubscribeOptions> = { ...streamOptionNames, onSubscribed: true };
const decoder: { decode(bytes: Uint8Array): string } = new TextDecoder("utf-8", { ignoreBOM: true });

/** Subscribes to channels, and iterates over their messages. */
export function subscribe(
  subscriber: Subscriber,
  channels: readonly string[],
  subscribeOptions: SubscribeOptions,
): AsyncIterableIterator<Message> {
  checkOptionNames(subscribeOptions, names);
  const { onSubscribed, ...options } = subscribeOptions;
  const channelNames = new Set(channels);
  /** Channels whose subscription is not confirmed yet. */
  const unconfirmed = new Set(channelNames);
  const stops: (() => void)[] = [];
  const stream = new BoundedStream<Message>(options, () => stops.forEach((stop) => stop()));

  const confirm = async (channel: string): Promise<void> => {
    if (!unconfirmed.delete(channel) || unconfirmed.size > 0) return;
    // Every channel is confirmed again after a lost connection.
    for (const name of channelNames) unconfirmed.add(name);
    await onSubscribed?.();
  };
  try {
    for (const channel of stream.open ? channelNames : []) {
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
