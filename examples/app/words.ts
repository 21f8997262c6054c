/** Tasks that count words. A module enqueues tasks of other modules by importing them. */
import { sendMail } from "./mail.ts";
import { worker } from "./worker.ts";

export const countWords = worker.task("countWords", async (text: string, to: string): Promise<number> => {
  const words = text.split(/\s+/).filter((word) => word !== "").length;
  await sendMail.enqueue(to, `${words} words`);
  return words;
});
