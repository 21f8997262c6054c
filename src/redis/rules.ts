import type { Argument } from "../resp/reply.ts";
import type { CommandArguments } from "./command.ts";

/** What is special about a command; `details` where its arguments tell. */
type Rule = "none" | "details" | "blocks" | "state" | "transaction" | "subscribe" | "monitor" | "option" | "never";

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>(
  ([
    ["details", "XREAD XREADGROUP CLIENT"],
    ["blocks", "BLPOP BRPOP BRPOPLPUSH BLMOVE BLMPOP BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF"],
    ["state", "WATCH UNWATCH SELECT AUTH"],
    ["transaction", "MULTI EXEC DISCARD"],
    ["subscribe", "SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE SSUBSCRIBE SUNSUBSCRIBE"],
    ["monitor", "MONITOR"],
    ["option", "HELLO RESET QUIT"],
    ["never", "SYNC PSYNC REPLCONF"],
  ] as const).flatMap(([rule, names]) => names.split(" ").map((name): [string, Rule] => [name, rule])),
);

const dedicated = "its connection, which is shared: use dedicated()";
const advice: Readonly<Record<Exclude<Rule, "none" | "details">, string>> = {
  blocks: `blocks ${dedicated}`,
  state: `changes ${dedicated}`,
  transaction: "cannot be sent on its own: use transaction()",
  subscribe: "takes a connection of its own: use subscribe()",
  monitor: "takes a connection of its own: use monitor() of dedicated()",
  option: "is for the client to send: use the options of createClient(), and close()",
  never: "makes replies come without a command, or not at all",
};

/** Whether a command of that name may run on any connection, whatever its arguments. */
export function isHarmless(name: string): boolean {
  return !rules.has(upper(name));
}

/** Why a command may not run on a connection that others use too; `undefined` when it may. */
export function sharedRefusal(args: CommandArguments): TypeError | undefined {
  const rule = ruleOf(args);
  return rule === "none" ? undefined : refusal(args, rule);
}

/** Why a command may not run even on a connection that has one owner; `undefined` when it may. */
export function dedicatedRefusal(args: CommandArguments): TypeError | undefined {
  const rule = ruleOf(args);
  const allowed = rule === "none" || rule === "blocks" || rule === "state" || rule === "transaction";
  return allowed ? undefined : refusal(args, rule);
}

/** Why a command may not be part of a transaction; `undefined` when it may. Nothing blocks there. */
export function transactionRefusal(args: CommandArguments): TypeError | undefined {
  const rule = ruleOf(args);
  return rule === "none" || rule === "blocks" ? undefined : refusal(args, rule);
}

/** For how many milliseconds the server may block on a command; `Infinity` where it may for ever. */
export function blockingTime(args: CommandArguments): number {
  if (ruleOf(args) !== "blocks") return 0;
  const time = Number(args[timeoutAt(args)]) * (inMilliseconds.has(upper(args[0])) ? 1 : 1000);
  // What is no time at all, the server refuses at once.
  return time === 0 ? Infinity : time || 0;
}

const inMilliseconds: ReadonlySet<string> = new Set(["XREAD", "XREADGROUP", "WAIT", "WAITAOF"]);

/** The place of the timeout among the arguments of a blocking command. */
function timeoutAt(args: CommandArguments): number {
  switch (upper(args[0])) {
    case "XREAD":
    case "XREADGROUP":
      return blockAt(args) + 1;
    case "BLMPOP":
    case "BZMPOP":
      return 1;
    default:
      return args.length - 1;
  }
}

/** The place of the option `BLOCK` of a read, which stands before the streams; -1 when it is not there. */
function blockAt(args: CommandArguments): number {
  for (let i = 1; i < args.length; i++) {
    const word = upper(args[i]);
    if (word === "BLOCK") return i;
    if (word === "STREAMS") return -1;
    // XREADGROUP GROUP group consumer: names that may read like options.
    if (word === "GROUP") i += 2;
  }
  return -1;
}

function ruleOf(args: CommandArguments): Rule {
  const rule = rules.get(upper(args[0])) ?? "none";
  return rule === "details" ? ruleOfDetails(args) : rule;
}

function ruleOfDetails(args: CommandArguments): Rule {
  if (upper(args[0]) === "CLIENT") return upper(args[1]) === "REPLY" ? "never" : "none";
  return blockAt(args) === -1 ? "none" : "blocks";
}

function refusal(args: CommandArguments, rule: Rule): TypeError {
  const name = upper(args[0]) === "CLIENT" ? "CLIENT REPLY" : upper(args[0]);
  return new TypeError(`${name} ${advice[rule as keyof typeof advice]}`);
}

function upper(arg: Argument | undefined): string {
  return typeof arg === "string"
    ? arg.toUpperCase()
    : arg instanceof Uint8Array
    ? decoder.decode(arg).toUpperCase()
    : "";
}

const decoder: { decode(bytes: Uint8Array): string } = new TextDecoder();
