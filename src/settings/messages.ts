/**
 * How a mistake in the configuration is shown: `file:line:column: key: what is wrong`, then the line with a caret under
 * the text, without anything secret.
 */

import type { Mistake, Path, Range } from './document.ts';
import { fileProblem, type Problem } from './loaded.ts';
import { longestShownKey, masksByLook, secretSections } from './masks.ts';
import { textWidth } from './text-width.ts';

/** Where the text comes from and what of it must not be shown. */
export interface Source {
  readonly file: string;
  readonly text: string;
  readonly hidden: readonly Range[];
}

/** The most that are shown at once; a file with more is the wrong file. */
const maxProblems = 100;

const shownWidth = 100;
/** How many characters before and after a mistake are looked at: a line can have a megabyte. */
const quoteReach = 2_000;
const mask = '***';
const longestKey = 64;

/** A path as people write it. Among secrets a long key is not repeated: it may be one, pasted into the wrong place. */
function shownPath(path: Path): string {
  let shown = '';
  let amongSecrets = false;
  for (const step of path) {
    if (typeof step === 'number') {
      shown += `[${step}]`;
      continue;
    }
    const bare = step.length <= (amongSecrets ? longestShownKey : longestKey) && isBareWord(step);
    const word = bare ? step : '…';
    shown += shown === '' ? word : `.${word}`;
    amongSecrets ||= secretSections.has(step);
  }
  return shown;
}

/** A key as keys are; anything else is a line that lost its shape, and may have a secret in it. */
const isBareWord = (step: string) => !/[\s"'\p{Cc}\p{Cf}]/u.test(step) && masksByLook(step).length === 0;

/** Problems in the order of the file; `unlisted` more are only counted. */
export function problems(source: Source, mistakes: readonly Mistake[], unlisted: number): readonly Problem[] {
  const ordered = [...mistakes].sort((a, b) => a.range.from - b.range.from);
  const listed = ordered.slice(0, maxProblems).map((mistake) => problem(source, mistake));
  const more = ordered.length - listed.length + unlisted;
  return more > 0 ? [...listed, fileProblem(source.file, `and ${more} more mistakes`)] : listed;
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
  const end = Math.min(newline < 0 ? text.length : newline, range.from + quoteReach);
  const begin = Math.max(start, range.from - quoteReach);
  const near = hidden.filter(({ from, to }) => to > begin && from < end);
  const to = Math.max(range.from + 1, Math.min(range.to, end));
  let line = '';
  let caretFrom: number | undefined;
  let caretTo = 0;
  for (let at = begin; at < end; ) {
    const until = hiddenUntil(near, at);
    const next = until > at ? Math.min(until, end) : at + 1;
    if (range.from < next) caretFrom ??= line.length;
    line += until > at ? mask : printable(text.slice(at, next));
    if (at < to) caretTo = line.length;
    at = next;
  }
  if (line.trim() === '') return undefined;
  return cut(line, caretFrom ?? line.length, Math.max(caretTo, (caretFrom ?? line.length) + 1));
}

/** The end of what is hidden from here on; `at` itself if it may be shown. Ranges may overlap. */
function hiddenUntil(hidden: readonly Range[], at: number): number {
  let until = at;
  for (let grown = true; grown; ) {
    const further = hidden.find(({ from, to }) => from <= until && to > until);
    grown = further !== undefined;
    until = further?.to ?? until;
  }
  return until;
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
    caret: ' '.repeat(textWidth(lead)) + '^'.repeat(Math.max(1, textWidth(under))),
  };
}
