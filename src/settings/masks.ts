/**
 * What must not be shown of a configuration file when one of its lines is quoted. Errs on the side of hiding:
 * everything under `credentials` and `tokens` that is not known to be harmless, every key that sounds like a
 * secret (also mistyped ones), and addresses with a user in them.
 */
import { isMap, isScalar, isSeq, type Node } from 'yaml';
import type { Range } from './document.ts';
import { lonelyReference } from './interpolate.ts';

const secretWord = /secret|token|passw|credential|private|key|auth|cookie|^(ak|sk|pwd|proxy)$/i;
/** Keys whose values are shown although they sound like secrets or stand beside them. */
const harmless = /File$|^(name|scope|from|perTask|maxTaskSeries|tokens|credentials)$/;
/** Keys below which everything is taken for a secret that is not known to be harmless. */
export const secretSections: ReadonlySet<string> = new Set(['credentials', 'tokens']);
/** A password may have a slash in it. */
const addressWithUser = /:\/\/[^@\n]{0,1000}@/;

const hidden = (key: string, inSection: boolean) => !harmless.test(key) && (inSection || secretWord.test(key));

/** Ranges of the text to hide, in order, where the structure is known. */
export function masks(text: string, contents: Node | null): readonly Range[] {
  const ranges: Range[] = [];
  const endOfComment = endOfCommentIn(text);
  const hide = (node: Node) => {
    if (!node.range) return;
    const [from, to] = node.range;
    if (!lonelyReference.test(text.slice(from, to))) ranges.push({ from, to: Math.max(to, endOfComment(to)) });
  };
  const walk = (node: unknown, inSection: boolean): void => {
    if (isSeq(node)) {
      for (const item of node.items) walk(item, inSection);
    } else if (isMap(node)) {
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value ?? '') : '';
        // A key that was pasted where its name belongs.
        if (inSection && name.length > longestShownKey && isScalar(key)) hide(key);
        if (value === null) continue;
        if (hidden(name, inSection)) hide(value as Node);
        else if (secretSections.has(name)) walk(value, true);
        else if (isScalar(value) && addressWithUser.test(String(value.value))) hide(value);
        else if (!isScalar(value)) walk(value, inSection);
      }
    } else if (isScalar(node) && (inSection || addressWithUser.test(String(node.value)))) hide(node);
  };
  // A file that is no mapping is another file, perhaps one with a key in it.
  if (isMap(contents)) walk(contents, false);
  else if (contents) hide(contents);
  return ranges.sort((a, b) => a.from - b.from);
}

/** Keys that are longer are not repeated in messages when they stand among secrets. */
export const longestShownKey = 20;

/** Long enough for a key or token, and mixed as no word is. Names of variables are none. */
const keyLike = /(?<![A-Za-z0-9+=]|\$\{\w{0,64})(?=[a-z+=]*\d)(?=[\d+=]*[a-z])[a-z0-9+=]{16,}/gi;

/** What looks like a key wherever it stands: the net below the rules about places. */
export function masksByLook(text: string): readonly Range[] {
  return [...text.matchAll(keyLike)].map((match) => ({ from: match.index, to: match.index + match[0].length }));
}

/** A comment behind a secret often is the one before it. Of a line with thousands of secrets the comment is sought once. */
function endOfCommentIn(text: string): (from: number) => number {
  let line = { from: 0, to: -1, commentAt: -1 };
  return (from) => {
    if (from < line.from || from > line.to) {
      const newline = text.indexOf('\n', from);
      const to = newline < 0 ? text.length : newline;
      const last = [...text.slice(from, to).matchAll(/\s#/g)].at(-1);
      line = { from, to, commentAt: last ? from + last.index : -1 };
    }
    return line.commentAt >= from ? line.to : from;
  };
}

/**
 * The same by the look of the lines, where the structure is broken: from a secret key to the end of its line, and
 * every further line that is indented more than the key.
 */
export function masksByLine(text: string): readonly Range[] {
  const ranges: Range[] = [];
  let offset = 0;
  let deeperThan = Number.POSITIVE_INFINITY;
  let sectionDeeperThan = Number.POSITIVE_INFINITY;
  for (const line of text.split('\n')) {
    const indent = line.search(/\S/);
    if (indent >= 0) {
      const continues = indent > deeperThan || (indent === deeperThan && line[indent] === '-');
      if (!continues) deeperThan = Number.POSITIVE_INFINITY;
      if (indent <= sectionDeeperThan && !(indent === sectionDeeperThan && line[indent] === '-')) {
        sectionDeeperThan = Number.POSITIVE_INFINITY;
      }
      const inSection = sectionDeeperThan !== Number.POSITIVE_INFINITY;
      const found = continues ? { at: indent, column: undefined } : firstSecret(line, inSection);
      if (found) ranges.push({ from: offset + found.at, to: offset + line.trimEnd().length });
      if (found?.column !== undefined) deeperThan = found.column;
      const section = /(?:^|[\s{,-])["']?(?:credentials|tokens)["']?\s*:/.exec(line);
      if (section) sectionDeeperThan = Math.min(sectionDeeperThan, section.index);
    }
    offset += line.length + 1;
  }
  return ranges;
}

/** Where on a line a secret begins, and the column of its key. */
function firstSecret(line: string, inSection: boolean): { at: number; column: number | undefined } | undefined {
  let lineInSection = inSection;
  let keys = 0;
  for (const part of line.matchAll(/["']?(?<![\w.-])([A-Za-z_][\w.-]{0,200})["']?\s{0,100}:(?=\s|$|["'{[])\s*/g)) {
    keys++;
    const name = part[1] ?? '';
    const at = part.index + part[0].length;
    if (secretSections.has(name)) {
      lineInSection = true;
      const rest = line.slice(at).trim();
      if (rest !== '' && !/^[{[#-]/.test(rest)) return { at, column: part.index };
    } else if (hidden(name, lineInSection)) {
      return lonelyReference.test(line.slice(at).trim()) ? undefined : { at, column: part.index };
    }
  }
  const user = addressWithUser.exec(line);
  if (user) return { at: user.index, column: undefined };
  return inSection && keys === 0 && !/^\s*#?\s*$/.test(line) ? { at: line.search(/\S/), column: undefined } : undefined;
}
