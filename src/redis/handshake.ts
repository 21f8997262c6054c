import { ReplyError } from "../resp/errors.ts";
import type { Reply } from "../resp/reply.ts";
import type { CommandArguments } from "./command.ts";
import { codeOf } from "./failure.ts";
import type { Step } from "./dialect.ts";
import type { Settings } from "./options.ts";

/** Information of the server about a new connection. */
export interface Greeting {
  /** Id of the connection on the server; 0 if the server does not report it. */
  readonly clientId: number;
  /** Whether the server is part of a Cluster; `false` if it does not report it. */
  readonly isCluster: boolean;
}

/** Stands for what a server does not report. */
export const noGreeting: Greeting = { clientId: 0, isCluster: false };

/**
 * Performs the handshake on a new connection: `HELLO`, or older commands on servers that do not support it, then
 * `SELECT`; see {@linkcode Dialect} for servers that close the connection instead. The final `PING` shows whether the
 * server accepts commands or is still loading.
 *
 * @param call Sends a command.
 * @param protocol Version of RESP to request.
 * @throws {ReplyError} If the server refuses. The error does not contain the password.
 * @throws {Error} If there is no password, because the function that returns it throws.
 */
export async function greet(
  call: (args: CommandArguments) => Promise<Reply>,
  protocol: 2 | 3,
  settings: Pick<Settings, "target" | "password" | "protocol" | "name" | "dialect" | "logger">,
): Promise<Greeting> {
  const { target: { username, database }, name, dialect, logger } = settings;
  const password = typeof settings.password === "function" ? await ask(settings.password) : settings.password;
  // Some servers repeat the arguments of a command that they do not support.
  const send = (args: CommandArguments): Promise<Reply> =>
    call(args).catch((error) => {
      throw error instanceof ReplyError && password && error.message.includes(password)
        ? new ReplyError(error.message.replaceAll(password, "***"))
        : error;
    });

  const { manner } = dialect;
  let step: Step = "probe";
  try {
    if (manner === "probe") await send(["PING"]).catch(ignore());
    step = "greeting";
    const greeting = await introduce();
    step = "selection";
    await select();
    dialect.succeeded(manner);
    return greeting;
  } catch (error) {
    dialect.failed(manner, step, error);
    throw error;
  }

  async function introduce(): Promise<Greeting> {
    const greeting = settings.protocol === 2 || manner === "bare" ? undefined : await hello();
    return greeting ?? await helloOfOldServers();
  }

  async function select(): Promise<void> {
    const [selected] = await Promise.all([
      database === 0 ? undefined : send(["SELECT", database]),
      send(["PING"]).catch(ignore("NOPERM", "ERR")),
    ]);
    if (selected !== undefined && selected !== "OK") throw unexpected("SELECT", "OK", selected);
  }

  async function hello(): Promise<Greeting | undefined> {
    const login = password === undefined ? [] : ["AUTH", username ?? "default", password];
    const args: CommandArguments = ["HELLO", protocol, ...login, ...(name === undefined ? [] : ["SETNAME", name])];
    const reply = await send(args).catch((error) => {
      if (!isUnsupported(error)) throw error;
    });
    if (reply === undefined) return undefined;
    if (reply instanceof Map) {
      return { clientId: Number(reply.get("id") ?? 0), isCluster: reply.get("mode") === "cluster" };
    }
    // The reply in RESP2, with which no caller needs these.
    if (Array.isArray(reply)) return noGreeting;
    throw unexpected("HELLO", "a map", reply);
  }

  async function helloOfOldServers(): Promise<Greeting> {
    if (password !== undefined) {
      await send(["AUTH", ...(username === undefined ? [] : [username]), password]).catch((error) => {
        if (!/no password is set|without any password configured/.test(String(error))) throw error;
        logger?.warn("The server requires no password: the given one is ignored");
      });
    }
    if (manner === "bare") return noGreeting;
    if (name !== undefined) await send(["CLIENT", "SETNAME", name]).catch(ignore("NOPERM", "ERR"));
    const [id, info] = await Promise.all([
      send(["CLIENT", "ID"]).catch(ignore("NOPERM", "ERR")),
      send(["INFO", "server"]).catch(ignore()),
    ]);
    return { clientId: Number(id ?? 0), isCluster: /^redis_mode:cluster\b/m.test(String(info)) };
  }
}

/** @throws {Error} If the function throws, or returns something else than a password. */
async function ask(password: () => string | Promise<string>): Promise<string> {
  let answer: unknown;
  try {
    answer = await password();
  } catch (cause) {
    throw new Error("The function for the password has thrown an error", { cause });
  }
  if (typeof answer === "string") return answer;
  throw new Error(
    `The function for the password has returned ${answer === null ? "null" : typeof answer}, not a string`,
  );
}

/** Whether the server, or a proxy or an ACL before it, does not support `HELLO` or RESP3. */
function isUnsupported(error: unknown): boolean {
  if (!(error instanceof ReplyError)) return false;
  if (error.code === "NOPROTO" || error.code === "NOPERM") return true;
  return /unknown (?:or unsupported )?command|unsupported command|not (?:allowed|supported)/i.test(error.message);
}

/** Returns a handler that ignores error replies with one of these codes, or all if none is given. */
function ignore(...codes: string[]): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof ReplyError && (codes.length === 0 || codes.includes(codeOf(error)))) return;
    throw error;
  };
}

function unexpected(command: string, expected: string, reply: Reply): Error {
  return new TypeError(`Cannot use the reply to ${command}: expected ${expected}, got ${String(reply).slice(0, 40)}`);
}
