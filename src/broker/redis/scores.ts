import { pages } from "./chunks.ts";

/** Reply to a command with `WITHSCORES`: pairs, or a flat list where the protocol is RESP2. */
export type ScoreReply = [member: string, score: number][] | string[];

/** The members of a sorted set with their scores. */
export function scores(reply: ScoreReply): [member: string, score: number][] {
  if (typeof reply[0] !== "string") return reply as [string, number][];
  return [...pages(reply as string[], 2)].map(([member, score]) => [member!, Number(score)]);
}
