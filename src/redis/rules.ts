import type { Argument } from "../resp/reply.ts";
import type { CommandArguments } from "./command.ts";

/** Why a command is special, or `none`; `details` means that its arguments decide. */
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

const explanations: Readonly<Record<Exclude<Rule, "none" | "details">, string>> = {
  blocks: "it blocks the connection, which is shared; use dedicated()",
  state: "it changes the state of the connection, which is shared; use dedicated()",
  transaction: "it is part of a transaction; use transaction()",
  subscribe: "it needs a connection of its own; use subscribe()",
  monitor: "it needs a connection of its own; use monitor() of dedicated()",
  option: "only the client itself may send it; use the options of createClient(), or close()",
  never: "the server then sends replies without a command, or none at all",
};

/** Whether a command of this name may run on any connection, whatever its arguments. */
export function isHarmless(name: string): boolean {
  return !rules.has(upper(name));
}

/** Error of a command that may not run on a shared connection; `undefined` if it may. */
export function sharedRefusal(args: CommandArguments): TypeError | undefined {
  const rule = ruleOf(args);
  return rule === "none" ? undefined : refusal(args, rule);
}

/** Error of a command that may not even run on a dedicated connection; `undefined` if it may. */
export function dedicatedRefusal(args: CommandArguments): TypeError | undefined {
  const rule = ruleOf(args);
  const allowed = rule === "none" || rule === "blocks" || rule === "state" || rule === "transaction";
  return allowed ? undefined : refusal(args, rule);
}

/** Error of a command that may not be part of a transaction; `undefined` if it may. No command blocks there. */
export function transactionRefusal(args: CommandArguments): TypeError | undefined {
  const rule = ruleOf(args);
  return rule === "none" || rule === "blocks" ? undefined : refusal(args, rule);
}

/** How long the server may block on a command, in milliseconds; `Infinity` if there is no limit. */
export function blockingTime(args: CommandArguments): number {
  if (ruleOf(args) !== "blocks") return 0;
  const time = Number(args[timeoutAt(args)]) * (inMilliseconds.has(upper(args[0])) ? 1 : 1000);
  // The server refuses an invalid timeout immediately.
  return time === 0 ? Infinity : time || 0;
}

const inMilliseconds: ReadonlySet<string> = new Set(["XREAD", "XREADGROUP", "WAIT", "WAITAOF"]);

/** Index of the timeout in the arguments of a blocking command. */
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

/** Index of the option `BLOCK` of a stream read, which precedes `STREAMS`; -1 if it is not given. */
function blockAt(args: CommandArguments): number {
  for (let i = 1; i < args.length; i++) {
    const word = upper(args[i]);
    if (word === "BLOCK") return i;
    if (word === "STREAMS") return -1;
    // XREADGROUP GROUP <group> <consumer>: the names may equal options.
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
  return new TypeError(`Cannot send ${name}: ${explanations[rule as keyof typeof explanations]}`);
}

function upper(arg: Argument | undefined): string {
  return typeof arg === "string"
    ? arg.toUpperCase()
    : arg instanceof Uint8Array
    ? decoder.decode(arg).toUpperCase()
    : "";
}

const decoder: { decode(bytes: Uint8Array): string } = new TextDecoder();
