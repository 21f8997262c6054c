#!/usr/bin/env node
/**
 * The command-line program: `deno run -A jsr:@q/streaq/cli --help`, `bunx streaq --help`, `npx streaq --help`.
 *
 * @module
 */

import { main } from "./main.ts";

await main(import.meta.url);
