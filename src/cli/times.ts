/** Times and lengths as people type them. */
import { durationMs } from '../domain/words/duration.ts';
import { exitCodes, Failure } from './surroundings.ts';

/** `30m`, `2h`, `1d12h` to milliseconds. */
export function lengthMs(option: string, text: string): number {
  const ms = durationMs(text);
  if (ms === undefined || ms === 0)
    throw new Failure(exitCodes.usage, `${option} ${text} is no duration: write 30m, 2h or 1d12h`);
  return ms;
}

/** When a planned hold begins; undefined: at once. */
export function beginOf(from: string | undefined, now: number): number | undefined {
  if (from === undefined) return undefined;
  const begin = moment('--from', from);
  if (begin <= now) throw new Failure(exitCodes.usage, `--from ${from} has passed: leave it out to begin at once`);
  return begin;
}

/** How long a hold shall last from `begin` on, milliseconds; undefined: until somebody removes it. */
export function endOfHold(
  options: { readonly from?: string; readonly for?: string; readonly until?: string },
  begin: number,
): number | undefined {
  if (options.for !== undefined && options.until !== undefined) {
    throw new Failure(exitCodes.usage, 'give --for or --until, not both');
  }
  if (options.for !== undefined) return lengthMs('--for', options.for);
  if (options.until === undefined) return undefined;
  const end = moment('--until', options.until);
  if (end <= begin) {
    const wrong = options.from === undefined ? 'has passed' : `is not after --from ${options.from}`;
    throw new Failure(exitCodes.usage, `--until ${options.until} ${wrong}`);
  }
  return end - begin;
}

/** Only ISO 8601 with a time of day: a bare date would mean midnight in UTC, and other shapes differ by taste. */
function moment(option: string, text: string): number {
  const shaped = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?$/.test(text);
  const at = shaped ? new Date(text.replace(' ', 'T')).getTime() : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new Failure(exitCodes.usage, `${option} ${text} is no time: write 2026-01-31T18:00 or 2026-01-31T18:00Z`);
}
