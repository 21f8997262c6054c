/** Enqueues tasks, waits for their results and prints them. The worker of `examples/worker.ts` runs them. */
import { charge, countWords, sendMail, worker } from "./worker.ts";

// Sent when it is awaited. The types are those of the function.
const counted = await countWords.enqueue("to be or not to be");

// The id makes it safe to enqueue the same thing again, also after a crash in between: it is queued once.
const charged = await charge.enqueue("A-1017", 4200).start({ id: "charge-A-1017", priority: "high" });

// Many at once take one round trip.
const people = ["ada@example.org", "grace@example.org", "edsger@example.org"];
const mails = await worker.enqueueMany(people.map((to) => sendMail.enqueue(to, "Hello")));

for (const task of [counted, charged, ...mails]) {
  const { fnName, result, workerId } = await task.result({ timeout: "30s" });
  console.log(fnName, result, `by worker ${workerId}`);
}

// A task that throws fails, and its error comes back.
const refused = await (await charge.enqueue("A-1018", 999_999)).result({ timeout: "30s" });
if (!refused.success) console.log(refused.fnName, "failed:", refused.exception.message);

// Without this the connection would keep the process alive.
await worker.close();
