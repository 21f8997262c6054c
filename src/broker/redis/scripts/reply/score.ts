import type { Payload } from "../../../contract/payload.ts";
import { textOf } from "./text.ts";

/** Reads the score of a member of a sorted set; Redis writes an infinite one in its own way. */
export function scoreOf(value: Payload | number): number {
  const text = textOf(value);
  return text.endsWith("inf") ? Number(text.replace("inf", "Infinity")) : Number(text);
}
