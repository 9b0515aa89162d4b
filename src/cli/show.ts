/**
 * How things look: tables, times, durations. On a terminal a person reads them (columns, headings, local time);
 * anywhere else a program does (one row a line, tab-separated, no heading, nothing cut, UTC).
 */
import { styleText } from 'node:util';
import type { TaskView } from '../domain/views/shown.ts';
import { durationText } from '../domain/words/duration.ts';
import { cut, textWidth } from '../settings/text-width.ts';
import type { Output } from './surroundings.ts';

/** No column but the last is wider than this. */
const widestColumn = 60;
/** Columns that become narrower on a narrow terminal, and their least width; all others are needed whole. */
const givingWay: Readonly<Record<string, number>> = { TITLE: 8, GROUP: 8, COVERS: 20 };
const betweenColumns = 2;

export type Color = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

export const paint = (out: Output, color: Color, text: string): string =>
  out.colors ? styleText(color, text, { validateStream: false }) : text;

/** Titles, names and reasons come from others: nothing in them may steer the terminal or break a line. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ');

/** The same for a text whose line breaks are ours. */
export const plainLines = (text: string): string => text.split('\n').map(plain).join('\n');

export type Column<Row> = readonly [heading: string, cell: (row: Row) => string];

/** The first columns of every table of tasks; with the account if there are several. */
export function taskColumns(out: Output, tasks: readonly NamedTask[], several: boolean): readonly Column<NamedTask>[] {
  const short = shortIds(out, tasks);
  return [
    ...(several ? [accountColumn] : []),
    ['TITLE', ({ title }) => title],
    ['TASK', ({ taskId }) => short(taskId)],
    ['GROUP', ({ group }) => group ?? '-'],
  ];
}

type NamedTask = Pick<TaskView, 'account' | 'title' | 'taskId' | 'group'>;
export const accountColumn: Column<{ readonly account: string }> = ['ACCOUNT', ({ account }) => account];
export const stateColumn: Column<Pick<TaskView, 'state'>> = ['STATE', ({ state }) => state];
export const reasonColumn: Column<Pick<TaskView, 'verdict'>> = ['REASON', ({ verdict }) => verdict.reason ?? '-'];
export const nextColumn = (out: Output, now: number): Column<Pick<TaskView, 'verdict'>> => [
  'NEXT',
  ({ verdict }) => (verdict.kind === 'restart' ? 'now' : untilThen(out, now, verdict.until)),
];

/** Rows that only a program reads: a line each, without headings. */
export function writeRows(out: Output, rows: readonly (readonly (string | number)[])[]): void {
  for (const row of rows) out.write(`${row.map((cell) => plain(String(cell))).join('\t')}\n`);
}

/** Writes rows as a table or as tab-separated lines; the last column is never cut, but wrapped between words. */
export function writeTable<Row>(out: Output, rows: readonly Row[], columns: readonly Column<NoInfer<Row>>[]): void {
  const headings = columns.map(([heading]) => heading);
  const cells = rows.map((row) => columns.map(([, cell]) => plain(cell(row))));
  if (!out.isTerminal) {
    writeRows(out, cells);
    return;
  }
  const last = headings.length - 1;
  const lines = [headings, ...cells];
  const needed = headings.map((_, n) => lines.reduce((most, row) => Math.max(most, textWidth(row[n] ?? '')), 0));
  const widths = fitted(headings, needed, out.columns);
  const before = widths.slice(0, last).reduce((sum, places) => sum + places + betweenColumns, 0);
  lines.forEach((row, line) => {
    const text = row
      .map((cell, n) => (n === last ? cell : padded(cut(cell, widths[n] ?? 0), widths[n] ?? 0)))
      .join(' '.repeat(betweenColumns))
      .trimEnd();
    out.write(`${line === 0 ? paint(out, 'dim', text) : wrapped(out, text, before)}\n`);
  });
}

/** With less room than this it does not help to keep a text in its column: it continues below, from here. */
const leastRoom = 24;
const belowAt = 10;

/** Prose for a person: wrapped between words, continued at `indent`. In a pipe it stays one line. */
export function wrapped(out: Output, text: string, indent = 2): string {
  if (!out.isTerminal) return text;
  const from = out.columns - indent < leastRoom ? Math.min(indent, belowAt) : indent;
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line === undefined) lines.push(word);
    else if (textWidth(line) + 1 + textWidth(word) <= out.columns) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(' '.repeat(from) + word);
  }
  return lines.join('\n');
}

const padded = (text: string, places: number): string => text + ' '.repeat(Math.max(0, places - textWidth(text)));

/** Narrows the widest column that may become narrower, again and again. */
function fitted(headings: readonly string[], needed: readonly number[], columns: number): readonly number[] {
  const last = headings.length - 1;
  // The last is wrapped between words, and needs no more than half of the terminal.
  const room = Math.max(leastRoom, Math.floor(columns / 2));
  const widths = needed.map((places, n) => Math.min(places, n === last ? room : widestColumn));
  let over = widths.reduce((sum, places) => sum + places + betweenColumns, -betweenColumns) - columns;
  for (; over > 0; over--) {
    const giving = widths.map((places, n) =>
      places > (givingWay[headings[n] ?? ''] ?? Number.POSITIVE_INFINITY) ? places : 0,
    );
    const most = Math.max(...giving);
    if (most === 0) break;
    widths[giving.indexOf(most)] = most - 1;
  }
  return widths;
}

/** A terminal shows at least this much of an id; every command accepts the beginning of one. */
const shortestId = 8;

/** Ids as a terminal shows them: as short as they can be and still differ. */
export function shortIds(out: Output, tasks: readonly { readonly taskId: string }[]): (taskId: string) => string {
  if (!out.isTerminal) return (taskId) => taskId;
  const ids = new Set(tasks.map(({ taskId }) => taskId));
  const longest = Math.max(0, ...[...ids].map((id) => id.length));
  let places = shortestId;
  while (places < longest && new Set([...ids].map((id) => id.slice(0, places))).size < ids.size) places++;
  return (taskId) => taskId.slice(0, places);
}

export const writeJson = (out: Output, value: unknown): void => out.write(`${JSON.stringify(value, undefined, 2)}\n`);

/** When something is, Unix milliseconds, or the API's word for it. */
export type When = number | 'never' | 'unknown' | null | undefined;

/** A moment: local time for a person, ISO 8601 in UTC for a program; `-` if there is none. */
export function moment(out: Output, at: When): string {
  if (typeof at === 'string') return at;
  if (at === null || at === undefined || !Number.isFinite(at)) return '-';
  const date = new Date(at);
  if (!out.isTerminal) return date.toISOString();
  // Swedes write local time as everybody reads it: 2026-01-31 18:00:00.
  return date.toLocaleString('sv-SE');
}

/** Sentences contain moments in UTC; beside local times a person would misread them. */
export const inOneClock = (out: Output, text: string): string =>
  out.isTerminal
    ? text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (at) => moment(out, Date.parse(at)))
    : text;

/** When something may happen at the earliest, for a person as a span: `in 45s`; within a second it is `now`. */
export function untilThen(out: Output, now: number, at: When): string {
  if (!out.isTerminal || typeof at !== 'number') return moment(out, at);
  return at - now < 1_000 ? 'now' : `in ${durationText(at - now)}`;
}

/** How long ago, in words; a moment ahead of `now` (clocks differ) is now. */
export const ago = (now: number, at: number): string => `${durationText(now - at)} ago`;
