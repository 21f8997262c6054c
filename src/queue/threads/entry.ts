/** The entry point of a thread. Nothing imports it. */
import { parentPort } from "node:worker_threads";
import { threadGlobals } from "../context/thread_globals.ts";
import { Runner } from "./runner.ts";

new Runner(parentPort!, threadGlobals()!).listen();
