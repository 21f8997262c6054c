/** Installs what is missing, then runs `main.ts` with the arguments of the command line. */
import process from "node:process";
import { installPackages, setUp } from "../scripts/setup.mjs";

try {
  setUp();
  installPackages("benchmarks");
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
const { register } = await import("tsx/esm/api");
register();
await import("./main.ts");
