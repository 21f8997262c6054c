/** What a thread runs, and nothing else imports. */
import { parentPort } from "node:worker_threads";
import { inside } from "../context/inside.ts";
import { Runner } from "./runner.ts";

new Runner(parentPort!, inside()!).listen();
