/** The version of this package; a check holds it to the two manifests. */
export const VERSION = "0.1.0";
