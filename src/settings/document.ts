/**
 * The YAML side of the configuration: text to plain values, with the place of each. Knows YAML and nothing of
 * the keys. Anchors, aliases, merge keys and tags are refused: `defaults` serves their purpose, one meaning is
 * easier to read at night, and nothing can blow up.
 */

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import type { Environment } from '../domain/ports/app-port.ts';
import { interpolate } from './interpolate.ts';

export type Path = readonly (string | number)[];

/** Offsets into the text, the end excluded. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface Mistake {
  readonly range: Range;
  readonly path: Path;
  readonly wrong: string;
}

export interface Place {
  readonly key: Range | undefined;
  readonly value: Range | undefined;
  /** Whether the value is one scalar, so that a caret can stand under it. */
  readonly scalar: boolean;
}

export type ReadDocument = ReturnType<typeof readDocument>;

export const pathKey = (path: Path) => JSON.stringify(path);

/** Deeper than any key of the schema; deeper files are not read. */
const maxDepth = 24;
const maxSyntaxMistakes = 5;
/** How often the text is read again around references without quotes, so that the rest is checked as well. */
const maxReadings = 4;
/** Mistakes of one kind that are kept; the others are counted. */
const maxKept = 500;

/** Reads one document. Never throws for anything that a file can hold. */
export function readDocument(text: string, env: Environment) {
  const mistakes: Mistake[] = [];
  /** Variables filled in, by `pathKey`. */
  const filled = new Map<string, readonly string[]>();
  const { document, lines } = parse(text, mistakes);
  const broken = document ? syntaxMistakes(document, lines) : [];
  mistakes.push(...broken);
  const contents = document?.contents ?? null;
  const isSound = document && broken.length === 0;
  /** Plain values, variables filled in, empty keys left out; undefined if the file's structure cannot be trusted. */
  const value = isSound ? plainValue(contents, { text, env, lines, mistakes, filled }) : undefined;
  return { value, contents, ...bounded(mistakes), filled };
}

const bounded = (mistakes: readonly Mistake[]) => ({
  mistakes: mistakes.slice(0, maxKept),
  unlisted: Math.max(0, mistakes.length - maxKept),
});

/** 200 groups with all their keys have a tenth of it. */
const mostMarks = 160_000;
/** In texts and comments they need not match; so many that do not are none of ours. */
const mostOpenBrackets = 1_000;

/**
 * What a text costs to parse depends on its structure, not on its length: a megabyte of brackets takes half a gigabyte.
 * So that is counted first, somewhat roughly; undefined: it is parsed.
 */
function tooIntricate(text: string): Mistake | undefined {
  const mistake = (from: number, wrong: string): Mistake => ({ range: { from, to: from + 1 }, path: [], wrong });
  let marks = 0;
  let open = 0;
  let outermost = 0;
  for (const { 0: mark, index } of text.matchAll(/[\n,]|[:?-](?=\s)|(?<!\$)[[{]|[\]}]/g)) {
    if (mark === ']' || mark === '}') open = Math.max(0, open - 1);
    else marks++;
    if (mark === '[' || mark === '{') {
      if (open === 0) outermost = index;
      open++;
    }
    if (open > mostOpenBrackets) return mistake(outermost, 'is nested too deeply');
    if (marks > mostMarks) return mistake(0, `has more than ${mostMarks} lines, keys and values: it is the wrong file`);
  }
  return undefined;
}

/**
 * Parses, reading around `${NAME}` that YAML takes for a mapping: the same length of plain text stands in for it. Gives
 * no document where the mistakes noted are all there is to say.
 */
function parse(text: string, mistakes: Mistake[]): { document: Document | undefined; lines: LineCounter } {
  const intricate = tooIntricate(text);
  if (intricate) {
    mistakes.push(intricate);
    return { document: undefined, lines: new LineCounter() };
  }
  let readable = text;
  for (let round = 0; ; round++) {
    const lines = new LineCounter();
    const document = parseOnce(readable, lines);
    if (!document) {
      mistakes.push({ range: { from: 0, to: 1 }, path: [], wrong: 'is nested too deeply' });
      return { document, lines };
    }
    const unquoted = round === maxReadings ? [] : unquotedReferences(document, readable);
    if (unquoted.length === 0) return { document, lines };
    let rest = 0;
    let readAround = '';
    for (const range of unquoted) {
      mistakes.push({ range, path: [], wrong: 'inside { } or [ ] this must be in double quotes' });
      readAround += readable.slice(rest, range.from) + '_'.repeat(range.to - range.from);
      rest = range.to;
    }
    // Enough to be listed: the rest of such a file is not worth another second.
    if (mistakes.length > maxKept) return { document: undefined, lines };
    readable = readAround + readable.slice(rest);
  }
}

/** Undefined if it is nested without end. */
function parseOnce(text: string, lineCounter: LineCounter): Document | undefined {
  const { stackTraceLimit } = Error;
  // Each mistake is an Error, and a file can have 200,000: their stacks, which nobody reads, cost most of the time.
  Error.stackTraceLimit = 0;
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false, stringKeys: true });
  } catch {
    // The parser recurses; what has no end ends in a RangeError.
    return undefined;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Longer than any name of a variable with its default. */
const longestReference = 1_000;

/** Where the parser stumbles over a reference, in the order of the text. */
function unquotedReferences({ errors }: Document, text: string): readonly Range[] {
  const starts = new Set(errors.map(({ pos }) => pos[0] - 1));
  return [...starts]
    .sort((a, b) => a - b)
    .flatMap((from): readonly Range[] => {
      const reference = /^\$\{[^}\n]*\}/.exec(text.slice(from, from + longestReference))?.[0];
      return reference === undefined ? [] : [{ from, to: from + reference.length }];
    });
}

/** What is wrong with the YAML itself; the parser's own words may quote the file, so ours stand instead. */
const syntaxWords: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'a tab: YAML is indented with spaces',
  BAD_INDENT: 'is not indented like its neighbours',
  BAD_ALIAS: 'text that begins with `*` or `&` must be in quotes',
  BAD_SCALAR_START: 'text that begins with this character must be in quotes',
  BAD_DQ_ESCAPE: 'no such escape: use single quotes, or write `\\\\` for a backslash',
  BLOCK_AS_IMPLICIT_KEY: 'a second `key:` on one line: put a text that contains `: ` in quotes',
  BLOCK_IN_FLOW: 'is not allowed inside `{ }` or `[ ]`',
  MISSING_CHAR: 'something is missing here: a closing quote or bracket, a comma, or `: ` after a key',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line, with `: ` after it',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
  MULTIPLE_DOCS: 'a second document begins here: one file is one configuration, remove the `---`',
  NON_STRING_KEY: 'a key must be a word',
  BAD_DIRECTIVE: 'no such directive: remove the line',
  UNEXPECTED_TOKEN: 'YAML cannot be read from here: look for a missing quote, comma or bracket before it',
};

function syntaxMistakes(document: Document, lines: LineCounter): Mistake[] {
  const mistakes: Mistake[] = [];
  const reported = new Set<number>();
  // One a line: what follows on the same line is mostly a consequence.
  for (const { code, pos } of document.errors) {
    const { line } = lines.linePos(pos[0]);
    if (reported.has(line) || reported.size === maxSyntaxMistakes) continue;
    reported.add(line);
    const wrong = syntaxWords[code] ?? 'is not valid YAML';
    mistakes.push({ range: { from: pos[0], to: Math.max(pos[1], pos[0] + 1) }, path: [], wrong });
  }
  const version = document.directives?.yaml;
  if (version?.explicit && version.version !== '1.2') {
    const wrong = 'an older YAML reads `yes` and `012` differently: remove the %YAML line';
    mistakes.push({ range: { from: 0, to: 1 }, path: [], wrong });
  }
  return mistakes;
}

const rangeOf = (node: Node | null | undefined): Range | undefined =>
  node?.range ? { from: node.range[0], to: Math.max(node.range[1], node.range[0]) } : undefined;

interface Reading {
  readonly text: string;
  readonly env: Environment;
  readonly lines: LineCounter;
  readonly mistakes: Mistake[];
  readonly filled: Map<string, readonly string[]>;
}

/** Walks the nodes once: the value out, mistakes and filled-in variables noted on the way. */
function plainValue(contents: unknown, { text, env, lines, mistakes, filled }: Reading): unknown {
  const note = (node: unknown, path: Path, wrong: string) => {
    mistakes.push({ range: rangeOf(node as Node) ?? { from: 0, to: 0 }, path, wrong });
  };

  const read = (node: unknown, path: Path, depth: number): unknown => {
    if (node === null || node === undefined) return null;
    if (isAlias(node))
      return note(
        node,
        path,
        'a text that begins with `*` must be in quotes (YAML aliases are not supported: use `defaults`)',
      );
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return undefined;
    if (node.anchor !== undefined)
      note(node, path, 'YAML anchors (`&name`) are not supported: write it once under `defaults`');
    if (node.tag !== undefined && !/^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/.test(node.tag))
      return note(node, path, 'YAML tags (`!name`) are not supported: remove it, or put the text in quotes');
    if (depth > maxDepth) return note(node, path, 'is nested too deeply');
    if (isMap(node)) return mapping(node.items, path, depth);
    if (isSeq(node)) return node.items.map((item, index) => read(item, [...path, index], depth + 1));
    return typeof node.value === 'string' ? filledIn(node, node.value, path) : node.value;
  };

  const mapping = (pairs: readonly Pair[], path: Path, depth: number): Record<string, unknown> => {
    const result: Record<string, unknown> = {};
    const first = new Map<string, number>();
    for (const { key, value } of pairs) {
      const name = isScalar(key) ? String(key.value ?? '') : String(key);
      const here = [...path, name];
      const at = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
      const line = first.get(name);
      if (line !== undefined) {
        note(key, here, `appears twice, first in line ${line}: keep one`);
        continue;
      }
      first.set(name, lines.linePos(at).line);
      if (name === '<<') {
        note(key, here, 'YAML merge keys are not supported: write it once under `defaults`');
        continue;
      }
      const inner = read(value, here, depth + 1);
      // A key without a value is as good as no key. (defineProperty: a key named __proto__ is a key like others.)
      if (inner === null) continue;
      Object.defineProperty(result, name, { value: inner, enumerable: true, configurable: true, writable: true });
    }
    return result;
  };

  const filledIn = (node: Node, written: string, path: Path): string | null => {
    const { text: value, names, unfilled } = interpolate(written, env);
    if (names.length > 0) filled.set(pathKey(path), names);
    const range = rangeOf(node) ?? { from: 0, to: 0 };
    for (const { at, length, wrong } of unfilled) {
      // Quotes and escapes shift the text; the reference itself is found again in the source.
      const found = text.slice(range.from, range.to).indexOf(written.slice(at, at + length));
      const exact = found < 0 ? range : { from: range.from + found, to: range.from + found + length };
      mistakes.push({ range: exact, path, wrong });
    }
    // An empty default is how one says that a key may be absent: the session token that not everybody has.
    return value === '' && written.includes(':-') && unfilled.length === 0 ? null : value;
  };

  return read(contents, [], 0);
}

/** The pairs of a mapping by their keys, of two with one key the first. */
const pairsByMap = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

function pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
  const known = pairsByMap.get(map);
  if (known) return known;
  const pairs = new Map<string, Pair>();
  for (const pair of map.items.toReversed()) if (isScalar(pair.key)) pairs.set(String(pair.key.value ?? ''), pair);
  pairsByMap.set(map, pairs);
  return pairs;
}

/** Where a path stands in the text; of a path that is not there, the nearest part of it that is. */
export function locate(contents: Node | null, path: Path): Place {
  let node: unknown = contents;
  let place: Place = { key: undefined, value: rangeOf(contents), scalar: isScalar(contents) };
  for (const step of path) {
    const pair = isMap(node) ? pairsOf(node).get(String(step)) : undefined;
    const next: unknown = pair ? pair.value : isSeq(node) && typeof step === 'number' ? node.items[step] : undefined;
    if (!pair && next === undefined) break;
    const value = rangeOf(next as Node);
    place = { key: pair ? rangeOf(pair.key as Node) : undefined, value, scalar: isScalar(next) };
    node = next;
  }
  return place;
}
