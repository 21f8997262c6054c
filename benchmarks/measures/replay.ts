import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect } from "node:net";
import { Encoder } from "../../src/resp/encoder.ts";
import { HOST } from "../../tests/support/free_port.ts";
import type { Command } from "./recorder.ts";

/** Concern a connection and not a task, or would change what the replies on this one are. */
const LEFT_OUT = new Set(["SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "CLIENT", "QUIT", "RESET"]);

const END = "end of the replay";

/** Turns recorded commands into bytes that one connection can send without waiting for a reply. */
export function prepare(commands: readonly Command[], rename = (argument: string): string => argument): Uint8Array {
  const encoder = new Encoder();
  for (const command of commands) {
    if (!LEFT_OUT.has(command[0]!.toUpperCase())) encoder.write(withoutBlocking(command).map(rename));
  }
  encoder.write(["ECHO", END]);
  return Buffer.concat(encoder.take().map((piece) => typeof piece === "string" ? Buffer.from(piece) : piece));
}

/** Writes prepared bytes to a bare socket, and resolves to the milliseconds until the last reply has arrived. */
export async function replay(redisPort: number, bytes: Uint8Array): Promise<number> {
  const socket = connect(redisPort, HOST);
  await once(socket, "connect");
  try {
    return await new Promise((resolve, reject) => {
      const started = performance.now();
      let tail = "";
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("The server closed the connection during the replay")));
      socket.on("data", (chunk: Buffer) => {
        tail = (tail + chunk.subarray(-END.length - 2).toString("latin1")).slice(-END.length - 2);
        if (tail === `${END}\r\n`) resolve(performance.now() - started);
      });
      socket.write(bytes);
    });
  } finally {
    socket.destroy();
  }
}

/** A blocking read of an empty stream would hold up the commands behind it. */
function withoutBlocking(command: Command): Command {
  if (command[0]!.toUpperCase() !== "XREADGROUP") return command;
  const block = command.findIndex((argument) => argument.toUpperCase() === "BLOCK");
  return block < 0 ? command : command.toSpliced(block, 2);
}
