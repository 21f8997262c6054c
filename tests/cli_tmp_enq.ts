import { worker } from "./cli_tmp.ts";
import process from "node:process";
for (const n of process.argv.slice(2)) await worker.registry.get(n)!.enqueue();
await worker.close();
