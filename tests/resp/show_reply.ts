import { Buffer } from "node:buffer";
import { ReplyError } from "../../src/resp/errors.ts";
import type { Reply } from "../../src/resp/reply.ts";

/** Formats a reply so that different replies have different texts, including types, order and minus zero. */
export function showReply(reply: Reply): string {
  if (typeof reply === "string") return JSON.stringify(reply);
  if (typeof reply === "bigint") return `${reply}n`;
  if (Object.is(reply, -0)) return "-0";
  if (reply instanceof Map) return `Map{${[...reply].map(showPair).join(", ")}}`;
  if (reply instanceof Set) return `Set{${[...reply].map(showReply).join(", ")}}`;
  if (Array.isArray(reply)) return `[${reply.map(showReply).join(", ")}]`;
  if (reply instanceof ReplyError) return `${reply.name}(${JSON.stringify([reply.code, reply.message])})`;
  if (reply instanceof Uint8Array) return `${reply.constructor.name}<${Buffer.from(reply).toString("hex")}>`;
  return String(reply);
}

function showPair([key, value]: [Reply, Reply]): string {
  return `${showReply(key)} => ${showReply(value)}`;
}
