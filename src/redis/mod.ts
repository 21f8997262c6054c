/**
 * A Redis client for Deno, Bun and Node. It uses RESP3 and pipelines every command.
 *
 * @example
 * ```ts
 * import { createClient } from "@q/streaq/redis";
 *
 * await using redis = createClient("redis://localhost:6379");
 * await redis.command(["SET", "greeting", "hello"]);
 * console.log(await redis.command(["GET", "greeting"]));
 * ```
 *
 * @module
 */

export { createClient, type RedisClient } from "./client.ts";
export type { ClientOptions, Password } from "./options.ts";
export type { CommandArguments, CommandOptions } from "./command.ts";
export type { DedicatedClient } from "./dedicated.ts";
export type { Message, SubscribeOptions } from "./subscription.ts";
export type { StreamOptions } from "./stream.ts";
export type { Listener } from "./subscriber.ts";
export type { TlsOptions } from "./transport.ts";
export { Script } from "./script.ts";
export { ConnectionError, type ConnectionErrorCode, SlowConsumerError } from "./errors.ts";
export { type Advice, adviceFor, codeOf } from "./failure.ts";
export { ProtocolError, ReplyError } from "../resp/errors.ts";
export type { DecoderLimits } from "../resp/decoder.ts";
export type { Argument, Reply } from "../resp/reply.ts";
export { TimeoutError } from "../base/errors.ts";
export type { Activity, Clock, Timer } from "../base/clock.ts";
export type { Duration } from "../base/duration.ts";
export type { Logger } from "../base/log.ts";
