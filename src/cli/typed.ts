/** Numbers, times and lengths as people type them. */
import { InvalidArgumentError } from 'commander';
import { durationMs } from '../domain/words/duration.ts';
import { misuse } from './surroundings.ts';

/** For an option of commander, which puts the option's name in front of the message. */
export const wholeNumber =
  (least: number, most = Number.POSITIVE_INFINITY) =>
  (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const end = Number.isFinite(most) ? ` to ${most}` : '';
    throw new InvalidArgumentError(`It must be a whole number from ${least}${end}.`);
  };

/** `30m`, `2h`, `1d12h` to milliseconds. */
export function lengthMs(option: string, text: string): number {
  const ms = durationMs(text);
  if (!ms) throw misuse(`${option} ${text} is not a duration: write 30m, 2h or 1d12h`);
  return ms;
}

/**
 * A moment to come, Unix milliseconds. Only ISO 8601 with a time of day: a bare date would mean midnight in UTC, and
 * other shapes differ by taste.
 * @param tooEarly what to say of a moment that is not after `earliest`
 */
export function momentAfter(earliest: number, option: string, text: string, tooEarly: string): number {
  const shaped = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?$/.test(text);
  const at = shaped ? new Date(text.replace(' ', 'T')).getTime() : Number.NaN;
  if (Number.isNaN(at)) throw misuse(`${option} ${text} is not a time: write 2026-01-31T18:00 or 2026-01-31T18:00Z`);
  const [day] = text.split(/[T ]/);
  // A day that the month does not have would be one of the next month.
  if (new Date(`${day}T00:00Z`).toISOString().slice(0, 10) !== day)
    throw misuse(`${option} ${text} is not a time: there is no such day`);
  if (at <= earliest) throw misuse(`${option} ${text} ${tooEarly}`);
  return at;
}
