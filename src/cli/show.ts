/**
 * How things look: tables, times, durations. On a terminal a person reads them (columns, headings, local time);
 * anywhere else a program does (one row a line, tab-separated, no heading, UTC), and both have the same columns.
 */
import { styleText } from 'node:util';
import type { Output } from './surroundings.ts';

/** The wider column of a table is cut at this many places, so that one long title does not push the rest away. */
const widestColumn = 60;

export type Color = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

export const paint = (out: Output, color: Color, text: string): string =>
  out.colors ? styleText(color, text, { validateStream: false }) : text;

/** Titles, names and reasons come from others: nothing in them may steer the terminal or break a line. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ');

/** Places that a text takes in a terminal: Chinese, Japanese, Korean and full-width characters and emoji take two. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mn}/u.test(character)) continue;
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u.test(
      character,
    )
      ? 2
      : /\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u.test(character)
        ? 2
        : 1;
  }
  return width;
}

function cut(text: string, places: number): string {
  if (textWidth(text) <= places) return text;
  let kept = '';
  for (const character of text) {
    if (textWidth(kept + character) >= places) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Writes rows as a table or as tab-separated lines; the last column is never cut. */
export function writeTable(out: Output, headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const cells = rows.map((row) => row.map(plain));
  if (!out.isTerminal) {
    for (const row of cells) out.write(`${row.join('\t')}\n`);
    return;
  }
  const last = headings.length - 1;
  const shown = [headings, ...cells].map((row) => row.map((cell, n) => (n === last ? cell : cut(cell, widestColumn))));
  const widths = headings.map((_, n) => shown.reduce((most, row) => Math.max(most, textWidth(row[n] ?? '')), 0));
  shown.forEach((row, line) => {
    const text = row
      .map((cell, n) => (n === last ? cell : cell + ' '.repeat((widths[n] ?? 0) - textWidth(cell))))
      .join('  ')
      .trimEnd();
    out.write(`${line === 0 ? paint(out, 'dim', text) : text}\n`);
  });
}

export const writeJson = (out: Output, value: unknown): void => out.write(`${JSON.stringify(value, undefined, 2)}\n`);

/** A moment (Unix milliseconds): local time for a person, ISO 8601 in UTC for a program; `-` if there is none. */
export function moment(out: Output, at: number | null | undefined): string {
  if (at === null || at === undefined || !Number.isFinite(at)) return '-';
  const date = new Date(at);
  if (!out.isTerminal) return date.toISOString();
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** When something may happen at the earliest; the words of the API stay as they are. */
export const until = (out: Output, at: number | 'never' | 'unknown' | null | undefined): string =>
  typeof at === 'string' ? at : moment(out, at);

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** `90_000` → `1m30s`: the two largest units, rounded down; below a second `0s`. */
export function duration(ms: number): string {
  const first = units.findIndex(([, unitMs]) => ms >= unitMs);
  if (first < 0) return '0s';
  let left = ms;
  let text = '';
  for (const [name, unitMs] of units.slice(first, first + 2)) {
    const count = Math.floor(left / unitMs);
    left -= count * unitMs;
    if (count > 0) text += `${count}${name}`;
  }
  return text;
}

/** How long ago, in words; a moment ahead of `now` (clocks differ) is now. */
export const ago = (now: number, at: number): string => `${duration(Math.max(0, now - at))} ago`;
