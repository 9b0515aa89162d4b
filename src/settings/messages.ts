/**
 * How a mistake in the configuration is told: `file:line:column: key: what is wrong`, the line with a caret under
 * the text, nothing secret in it.
 */
import type { Mistake, Path, Range } from './document.ts';

/** A mistake or a warning, in pieces for programs and whole for people. */
export interface Problem {
  readonly file: string;
  /** From 1; absent if the file could not be read at all. */
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** As `groups[0].backoff.max`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what to do about it, in a sentence. */
  readonly message: string;
  /** All of it, with the quoted line; several lines of text. */
  readonly text: string;
}

/** Where the text comes from and what of it must not be shown. */
export interface Source {
  readonly file: string;
  readonly text: string;
  readonly hidden: readonly Range[];
}

/** The most that are told at once; a file with more is the wrong file. */
export const maxProblems = 100;

const shownWidth = 100;
const mask = '***';

export function shownPath(path: Path): string {
  return path.reduce<string>(
    (before, step) => (typeof step === 'number' ? `${before}[${step}]` : before === '' ? step : `${before}.${step}`),
    '',
  );
}

/** A problem without a place: the file is not there, or cannot be read. */
export function fileProblem(file: string, message: string): Problem {
  return { file, line: undefined, column: undefined, path: '', message, text: `${file}: ${message}` };
}

/** Problems in the order of the file. */
export function problems(source: Source, mistakes: readonly Mistake[]): readonly Problem[] {
  const ordered = [...mistakes].sort((a, b) => a.range.from - b.range.from);
  const told = ordered.slice(0, maxProblems).map((mistake) => problem(source, mistake));
  const more = ordered.length - told.length;
  return more > 0 ? [...told, fileProblem(source.file, `and ${more} more mistakes`)] : told;
}

function problem({ file, text, hidden }: Source, { range, path, wrong }: Mistake): Problem {
  const start = text.lastIndexOf('\n', range.from - 1) + 1;
  const line = text.slice(0, start).split('\n').length;
  const column = range.from - start + 1;
  const shown = shownPath(path);
  const head = `${file}:${line}:${column}: ${shown === '' ? '' : `${shown}: `}${wrong}`;
  const quoted = quote(text, start, range, hidden);
  const gutter = ' '.repeat(String(line).length);
  const body = quoted ? `\n  ${line} | ${quoted.line}\n  ${gutter} | ${quoted.caret}` : '';
  return { file, line, column, path: shown, message: wrong, text: head + body };
}

/** The line with what is hidden masked, and the caret line under it; undefined if the line is empty. */
function quote(text: string, start: number, range: Range, hidden: readonly Range[]) {
  const newline = text.indexOf('\n', start);
  const end = newline < 0 ? text.length : newline;
  const to = Math.max(range.from + 1, Math.min(range.to, end));
  let line = '';
  let caretFrom: number | undefined;
  let caretTo: number | undefined;
  for (let at = start; at <= end; ) {
    const masked = hidden.find(({ from, to: until }) => from <= at && at < until);
    const next = masked ? Math.min(masked.to, end) : at + 1;
    const piece = masked ? mask : printable(text.slice(at, Math.min(next, end)));
    if (caretFrom === undefined && range.from < Math.max(next, at + 1)) caretFrom = line.length;
    line += piece;
    if (at < to) caretTo = line.length;
    at = Math.max(next, at + 1);
  }
  if (line.trim() === '') return undefined;
  return cut(line, caretFrom ?? 0, Math.max(caretTo ?? 0, (caretFrom ?? 0) + 1));
}

/** No control character of a file reaches a terminal; a tab is as wide as a space here. */
const printable = (piece: string) => (piece === '\r' ? '' : piece.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' '));

/** A window of a long line around the caret. */
function cut(line: string, from: number, to: number): { line: string; caret: string } {
  const begin = to > shownWidth ? Math.max(0, from - shownWidth / 2) : 0;
  const window = line.slice(begin, begin + shownWidth).trimEnd();
  const [before, after] = [begin > 0 ? '…' : '', begin + shownWidth < line.trimEnd().length ? '…' : ''];
  const lead = before + window.slice(0, from - begin);
  const under = window.slice(from - begin, Math.max(to - begin, from - begin + 1)).trimEnd();
  return {
    line: before + window + after,
    caret: ' '.repeat(columns(lead)) + '^'.repeat(Math.max(1, columns(under))),
  };
}

/** Chinese, Japanese and Korean characters and full-width signs take two columns of a terminal. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

export function columns(text: string): number {
  let width = 0;
  for (const character of text) width += wide.test(character) ? 2 : 1;
  return width;
}
