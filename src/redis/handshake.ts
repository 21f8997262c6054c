import { ReplyError } from "../resp/errors.ts";
import type { Reply } from "../resp/reply.ts";
import type { CommandArguments } from "./command.ts";
import { codeOf } from "./failure.ts";
import type { Settings } from "./options.ts";

/** What the server said about a new connection. */
export interface Greeting {
  /** The server's number for this connection; 0 when it would not tell. */
  readonly clientId: number;
}

/**
 * Logs in on a new connection: `HELLO`, or what came before it on servers that do not know it, then `SELECT`. The
 * `PING` at the end finds out whether the server is ready for commands, or still loading.
 *
 * @param call Sends a command.
 * @param protocol The version of RESP to ask for.
 * @throws {ReplyError} When the server refuses. The error holds no password.
 */
export async function greet(
  call: (args: CommandArguments) => Promise<Reply>,
  protocol: 2 | 3,
  { target: { username, password, database }, name, logger }: Pick<Settings, "target" | "name" | "logger">,
): Promise<Greeting> {
  // Some servers repeat the arguments of a command that they do not know.
  const ask = (args: CommandArguments): Promise<Reply> =>
    call(args).catch((error) => {
      throw error instanceof ReplyError && password && error.message.includes(password)
        ? new ReplyError(error.message.replaceAll(password, "***"))
        : error;
    });

  const greeting = await hello() ?? await greetOld();
  const [selected] = await Promise.all([
    database === 0 ? undefined : ask(["SELECT", database]),
    ask(["PING"]).catch(unless("NOPERM", "ERR")),
  ]);
  return selected === undefined || selected === "OK" ? greeting : Promise.reject(unexpected("SELECT", selected));

  async function hello(): Promise<Greeting | undefined> {
    const login = password === undefined ? [] : ["AUTH", username ?? "default", password];
    const args: CommandArguments = ["HELLO", protocol, ...login, ...(name === undefined ? [] : ["SETNAME", name])];
    const reply = await ask(args).catch((error) => {
      if (!isUnknown(error)) throw error;
    });
    if (reply === undefined) return undefined;
    if (reply instanceof Map) return { clientId: Number(reply.get("id") ?? 0) };
    // In RESP2, which is asked for where nobody needs the number.
    if (Array.isArray(reply)) return { clientId: 0 };
    throw unexpected("HELLO", reply);
  }

  async function greetOld(): Promise<Greeting> {
    if (password !== undefined) {
      await ask(["AUTH", ...(username === undefined ? [] : [username]), password]).catch((error) => {
        if (!/no password is set|without any password configured/.test(String(error))) throw error;
        logger?.warn("The server was given a password, but asks for none");
      });
    }
    if (name !== undefined) await ask(["CLIENT", "SETNAME", name]).catch(unless("NOPERM", "ERR"));
    const id = await ask(["CLIENT", "ID"]).catch(unless("NOPERM", "ERR"));
    return { clientId: Number(id ?? 0) };
  }
}

/** Whether a server is too old for `HELLO`, or pretends to be. */
function isUnknown(error: unknown): boolean {
  return error instanceof ReplyError && (error.code === "NOPROTO" || /unknown command/i.test(error.message));
}

/** Passes over errors with one of these codes; the others go on. */
function unless(...codes: string[]): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof ReplyError) || !codes.includes(codeOf(error))) throw error;
  };
}

function unexpected(command: string, reply: Reply): Error {
  return new TypeError(`Unexpected reply to ${command}: ${String(reply).slice(0, 40)}`);
}
