import { completingCalls } from "./calls/completing.ts";
import { enqueuingCalls } from "./calls/enqueuing.ts";
import { failureCalls } from "./calls/failures.ts";
import { leasingCalls } from "./calls/leasing.ts";
import { schedulingCalls } from "./calls/scheduling.ts";
import type { ScriptCall } from "./calls/script_call.ts";

/** At least one call of each script. */
export const scriptCalls: readonly ScriptCall[] = [
  ...completingCalls,
  ...enqueuingCalls,
  ...failureCalls,
  ...leasingCalls,
  ...schedulingCalls,
];
