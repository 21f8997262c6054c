import { client } from "../measures/client.ts";
import { drain } from "../measures/drain.ts";
import { enqueue } from "../measures/enqueue.ts";
import { growth } from "../measures/growth.ts";
import { limit } from "../measures/limit.ts";
import type { Measure } from "../measures/measure.ts";
import { payload } from "../measures/payload.ts";
import { roundTrip } from "../measures/round_trip.ts";
import type { Scale } from "../measures/scale.ts";
import { sleep } from "../measures/sleep.ts";
import { systems } from "../systems/registry.ts";
import type { Plan } from "./rounds.ts";
import type { Subject } from "./subject.ts";

/** Which part of everything to measure; an empty list stands for all. */
export interface Selection {
  readonly only: readonly string[];
  readonly systems: readonly string[];
  /** Returns whether a measure shall have this subject. */
  accepts(measure: Measure, subject: Subject): boolean;
}

/** Returns every measure, in the order of the report. */
export function measuresFor(scale: Scale): Measure[] {
  return [
    enqueue(scale),
    drain(scale, 1),
    drain(scale, 2),
    roundTrip(scale),
    sleep(scale),
    payload(scale),
    growth(scale),
    client(scale),
    limit(scale),
  ];
}

/** Returns what to measure. */
export function select(measures: readonly Measure[], { only, systems: names, accepts }: Selection): Plan[] {
  const known = new Set(measures.flatMap(({ name, parts }) => [name, ...parts.map(({ name }) => name)]));
  for (const name of only) {
    if (!known.has(name)) {
      throw new RangeError(`Cannot use option --only: expected ${[...known].join(", ")}, got ${name}`);
    }
  }
  const systemNames = new Set(systems.map(({ name }) => name));
  for (const name of names) {
    if (systemNames.has(name)) continue;
    throw new RangeError(`Cannot use option --systems: expected ${[...systemNames].join(", ")}, got ${name}`);
  }
  return measures.flatMap((measure) => {
    const parts = measure.parts.filter(({ name }) => [measure.name, name].some((name) => includes(only, name)));
    // The option is about systems: clients and the bare socket stay beside streaq.
    const subjects = measure.subjects.filter((subject) => {
      return accepts(measure, subject) && (!systemNames.has(subject.name) || includes(names, subject.name));
    });
    const isEmpty = parts.length === 0 || !subjects.some(({ name }) => systemNames.has(name));
    return isEmpty ? [] : [{ measure, parts, subjects }];
  });
}

function includes(list: readonly string[], name: string): boolean {
  return list.length === 0 || list.includes(name);
}
