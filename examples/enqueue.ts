/** Enqueues tasks for the worker in `examples/worker.ts`, waits for their results and prints them. */
import { charge, countWords, sendMail, worker } from "./worker.ts";

// Awaiting the request sends it. Its arguments and result have the types of the function.
const counted = await countWords.enqueue("to be or not to be");

// With an id of your own, enqueuing the task again, even after a crash, does not queue it twice.
const charged = await charge.enqueue("A-1017", 4200).start({ id: "charge-A-1017", priority: "high" });

// A batch takes one round trip.
const people = ["ada@example.org", "grace@example.org", "edsger@example.org"];
const mails = await worker.enqueueMany(people.map((to) => sendMail.enqueue(to, "Hello")));

for (const task of [counted, charged, ...mails]) {
  const { fnName, result, workerId } = await task.result({ timeout: "30s" });
  console.log(fnName, result, `by worker ${workerId}`);
}

// A task that throws fails, and its result carries the error.
const refused = await (await charge.enqueue("A-1018", 999_999)).result({ timeout: "30s" });
if (!refused.success) console.log(refused.fnName, "failed:", refused.exception.message);

// An open connection would keep the process alive.
await worker.close();
