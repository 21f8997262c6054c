/** Whether one entry id, `<milliseconds>-<sequence number>`, is smaller than another. */
export function isBefore(a: string, b: string): boolean {
  const [dashA, dashB] = [a.indexOf("-"), b.indexOf("-")];
  if (dashA === dashB && a.length === b.length) return a < b;
  const difference = Number(a.slice(0, dashA)) - Number(b.slice(0, dashB));
  return difference < 0 || (difference === 0 && Number(a.slice(dashA + 1)) < Number(b.slice(dashB + 1)));
}
