/** Tasks that send mail. */
import { setTimeout as delay } from "node:timers/promises";
import { taskContext } from "@q/streaq";
import { worker } from "./worker.ts";

export const sendMail = worker.task("sendMail", async (to: string, subject: string): Promise<string> => {
  await delay(100, undefined, { signal: taskContext().signal });
  return `${subject}: sent to ${to}`;
});
