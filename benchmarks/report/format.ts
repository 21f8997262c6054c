/** Shows a figure as text. */
export type Format = (value: number) => string;

/** A count: `61,000`. */
export const count: Format = (value) => Math.round(value).toLocaleString("en");

/** Three digits, or all in front of the point: `0.627`, `12.7`, `1,945`. */
export const digits: Format = (value) => {
  if (Math.abs(value) >= 100) return count(value);
  return Math.abs(value) < 0.01 ? value.toFixed(2) : value.toPrecision(3);
};

/** A ratio: `0.63`, `3.5`, `12`. */
export const ratio: Format = (value) => value.toFixed(value >= 9.95 ? 0 : value >= 0.995 ? 1 : 2);

/** Bytes as mebibytes. */
export const mebibytes: Format = (value) => count(value / 1024 ** 2);
