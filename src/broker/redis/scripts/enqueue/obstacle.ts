/** Reason why a task was not stored with its dependencies as they are. */
export type Obstacle =
  /** A task with its id exists, or has finished. */
  | { readonly kind: "exists" | "done" }
  /** A dependency is unknown, or was to be piped into the task but is stored without that. */
  | { readonly kind: "unknown" | "unpiped"; readonly taskId: string }
  /** Redis refuses to store the task. */
  | { readonly kind: "refused"; readonly message: string }
  /** A dependency has failed, and the failure of this task was not passed; `taskId` is the task that failed first. */
  | { readonly kind: "failed"; readonly taskId: string }
  /** Dependencies have finished, and their verdicts were not passed. */
  | { readonly kind: "unread"; readonly taskIds: readonly string[] }
  /** Another task of the same call has to be stored first, or another caller stores dependencies of this task. */
  | { readonly kind: "postponed" | "changed" };

/** Reads an obstacle from a reply. */
export function readObstacle([kind, ...details]: readonly string[]): Obstacle {
  const [detail = ""] = details;
  switch (kind) {
    case "unknown":
    case "unpiped":
    case "failed":
      return { kind, taskId: detail };
    case "unread":
      return { kind, taskIds: details };
    case "exists":
    case "done":
    case "postponed":
    case "changed":
      return { kind };
    default:
      return { kind: "refused", message: detail };
  }
}
