import { StreaqError } from "../../base/errors.ts";

/** The task ended without a run as its options demand: it expired, missed its time, or found its lock taken. Not kept. */
export class SkippedError extends StreaqError {}
