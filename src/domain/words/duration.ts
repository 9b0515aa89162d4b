/** Lengths of time as people write them, in the configuration and on the command line, and as they are shown. */

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** Units from large to small, each at most once; also the pattern that editors get. */
export const durationPattern = '^(?=\\d)(\\d{1,9}d)?(\\d{1,9}h)?(\\d{1,9}m)?(\\d{1,9}s)?(\\d{1,9}ms)?$';
const durationShape = new RegExp(durationPattern);

/** `1h30m` to milliseconds; undefined if it is no duration. */
export function durationMs(text: string): number | undefined {
  const counts = durationShape.exec(text)?.slice(1);
  return counts?.reduce((sum, count, n) => sum + Number.parseInt(count ?? '0', 10) * (units[n]?.[1] ?? 0), 0);
}

/** `90_000` to `1m30s`: the two largest units, rounded down; below a second `0s`. */
export function durationText(ms: number): string {
  const shown = units.slice(0, -1);
  const first = shown.findIndex(([, unitMs]) => ms >= unitMs);
  if (first < 0) return '0s';
  let left = ms;
  let text = '';
  for (const [name, unitMs] of shown.slice(first, first + 2)) {
    const count = Math.floor(left / unitMs);
    left -= count * unitMs;
    if (count > 0) text += `${count}${name}`;
  }
  return text;
}
