/** Why a task could not be stored with its dependencies as they are. */
export type Obstacle =
  /** There is a task of its id already. */
  | { readonly kind: "exists" | "done" }
  /** It cannot be: a dependency is unknown, or was to be piped into it and is not. */
  | { readonly kind: "unknown" | "unpiped"; readonly taskId: string }
  /** The store refuses it. */
  | { readonly kind: "refused"; readonly message: string }
  /** A dependency has failed, and what it fails with did not come along. */
  | { readonly kind: "failed"; readonly taskId: string }
  /** The results of dependencies have to be read. */
  | { readonly kind: "ended"; readonly taskIds: readonly string[] }
  /** It has to be stored anew: one before it in the same call was not, or somebody else has stored it meanwhile. */
  | { readonly kind: "later" | "changed" };

/** Reads how scripts say it. */
export function readObstacle([kind, ...details]: readonly string[]): Obstacle {
  const [detail = ""] = details;
  switch (kind) {
    case "unknown":
    case "unpiped":
    case "failed":
      return { kind, taskId: detail };
    case "ended":
      return { kind, taskIds: details };
    case "exists":
    case "done":
    case "later":
    case "changed":
      return { kind };
    default:
      return { kind: "refused", message: detail };
  }
}
