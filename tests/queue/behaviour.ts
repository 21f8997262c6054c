import { describe } from "node:test";
import { brokers } from "./brokers.ts";
import { Stage } from "./stage.ts";

/**
 * Describes what the queue does whatever its broker: `define` is called once for each broker, and its tests know no more
 * of it than the stage tells.
 */
export function behaviour(name: string, define: (stage: Stage) => void): void {
  for (const broker of brokers) {
    describe(`${name} on ${broker.name}`, () => define(new Stage(broker)));
  }
}
