/**
 * The entry point of worker processes: `streaq run examples/app/main.ts`. It imports every module that registers tasks,
 * since a worker can only run what was registered with it.
 */
import "./mail.ts";
import "./words.ts";

export { worker } from "./worker.ts";
