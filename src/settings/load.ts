/**
 * The way from a file to settings. A pure function of the file, the environment and the secret files: either
 * settings with warnings, or every mistake at once. It never throws for anything that a file can hold.
 */
import { createHash } from 'node:crypto';
import type { Node } from 'yaml';
import { checkTogether, secretPlaces } from './agreement.ts';
import { locate, type Mistake, type Path, pathKey, type Range, type ReadDocument, readDocument } from './document.ts';
import type { Environment } from './interpolate.ts';
import { type Finding, findings, valueAt } from './issues.ts';
import { masks, masksByLine, masksByLook } from './masks.ts';
import { fileProblem, type Problem, problems } from './messages.ts';
import { fileTrouble, type ReadFile } from './read-file.ts';
import { accountSchema, rootSchema } from './schema.ts';
import { resolve, type Settings } from './settings.ts';
import { warnings } from './warnings.ts';

export type Loaded =
  | {
      readonly ok: true;
      readonly settings: Settings;
      readonly warnings: readonly Problem[];
      /** 12 hex digits of the file's SHA-256: 48 bits, exact as a number too. */
      readonly hash: string;
    }
  | { readonly ok: false; readonly errors: readonly Problem[] };

export interface LoadRequest {
  readonly path: string;
  readonly env: Environment;
  readonly readFile: ReadFile;
  /** `false`: files named in the configuration are not looked at, for checks on another machine. Default true. */
  readonly lookAtFiles?: boolean;
}

/** 200 groups with all their keys are a fifth of this. */
export const maxFileBytes = 1024 * 1024;
export const maxSecretBytes = 64 * 1024;

/** Reads, checks and resolves the configuration. Changes nothing. */
export function loadSettings({ path, env, readFile, lookAtFiles = true }: LoadRequest): Loaded {
  const read = readText(path, readFile);
  if (!read.ok) return { ok: false, errors: [fileProblem(path, read.wrong)] };
  const { text, hash } = read;
  if (isEmpty(text)) {
    const wrong = 'is empty: write `accounts:` and `groups:`, as in config/minimal.yaml';
    return { ok: false, errors: [fileProblem(path, wrong)] };
  }
  const document = readDocument(text, env);
  const checked = check(document, (root) => (lookAtFiles ? checkFiles(root, readFile) : []));
  const byPlace = document.value === undefined ? masksByLine(text) : masks(text, document.contents);
  const hidden = [...byPlace, ...checked.hidden, ...masksByLook(text)];
  const source = { file: path, text, hidden };
  if (!checked.settings) return { ok: false, errors: problems(source, checked.mistakes) };
  const warned = warnings(checked.settings).map((finding) => place(document.contents, finding));
  return { ok: true, settings: checked.settings, warnings: problems(source, warned), hash };
}

type ReadText =
  | { readonly ok: true; readonly text: string; readonly hash: string }
  | { readonly ok: false; readonly wrong: string };

function readText(path: string, readFile: ReadFile): ReadText {
  let bytes: Uint8Array;
  try {
    bytes = readFile(path, maxFileBytes);
  } catch (error) {
    return { ok: false, wrong: `cannot be read: ${fileTrouble(error)}` };
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { ok: true, text, hash: createHash('sha256').update(bytes).digest('hex').slice(0, 12) };
  } catch {
    return { ok: false, wrong: 'is not UTF-8 text: save it as UTF-8' };
  }
}

const isEmpty = (text: string) => text.split('\n').every((line) => /^\s*(#.*|---|\.\.\.)?\s*$/.test(line));

interface Checked {
  /** Undefined if there is any mistake. */
  readonly settings: Settings | undefined;
  readonly mistakes: readonly Mistake[];
  readonly hidden: readonly Range[];
}

function check(document: ReadDocument, checkFilesOf: (root: unknown) => readonly Finding[]): Checked {
  const { value, contents, mistakes } = document;
  if (value === undefined) return { settings: undefined, mistakes, hidden: [] };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const wrong = 'must be a mapping: `accounts:`, `groups:` and so on at its top';
    return { settings: undefined, mistakes: [...mistakes, { range: { from: 0, to: 1 }, path: [], wrong }], hidden: [] };
  }
  const parsed = rootSchema.safeParse(value);
  const found = [
    ...(parsed.success ? [] : findings(parsed.error.issues, value, document.filled)),
    ...checkTogether(value),
    ...checkFilesOf(value),
  ];
  const hidden = found.flatMap((finding) => (finding.hide ? (rangeOfValue(contents, finding.path) ?? []) : []));
  const all = withoutRepeats(
    mistakes,
    found.map((finding) => place(contents, finding)),
  );
  return { settings: parsed.success && all.length === 0 ? resolve(parsed.data) : undefined, mistakes: all, hidden };
}

const rangeOfValue = (contents: Node | null, path: Path) => locate(contents, path).value;

/** A place that YAML or a variable has spoilt is told once: what the schema says of it is a consequence. */
function withoutRepeats(first: readonly Mistake[], then: readonly Mistake[]): readonly Mistake[] {
  const kept = [...first];
  for (const mistake of then) {
    const repeats = kept.some(
      ({ path, range }) =>
        (path.length > 0 && pathKey(path) === pathKey(mistake.path)) ||
        (range.from === mistake.range.from && range.to === mistake.range.to),
    );
    if (!repeats) kept.push(mistake);
  }
  return kept;
}

/** From a key or value to the text that the caret goes under. */
function place(contents: Node | null, { path, at, wrong }: Finding): Mistake {
  const { key, value, scalar } = locate(contents, path);
  const range = at === 'value' && scalar && value && value.to > value.from ? value : (key ?? value);
  return { range: range ?? { from: 0, to: 1 }, path, wrong };
}

/** Secret and certificate files must be there now; that they may change later is their reader's business. */
function checkFiles(root: unknown, readFile: ReadFile): readonly Finding[] {
  const secrets = secretPlaces(root).map(({ path, name }) => ({ path: [...path, `${name}File`], name }));
  const tls = ['certFile', 'keyFile'].map((name) => ({ path: ['server', 'tls', name], name }));
  return [...secrets, ...tls].flatMap(({ path, name }): readonly Finding[] => {
    const file = valueAt(root, path);
    if (typeof file !== 'string' || file.trim() === '') return [];
    const wrong = fileMistake(file, name, readFile);
    return wrong === undefined ? [] : [{ path, at: 'value', wrong }];
  });
}

function fileMistake(file: string, name: string, readFile: ReadFile): string | undefined {
  try {
    const content = new TextDecoder().decode(readFile(file, maxSecretBytes)).trim();
    if (content === '') return 'this file is empty';
    const hookToken = accountSchema.shape.hookToken;
    const shape = { token: tokenSchema, hookToken }[name];
    const read = shape?.safeParse(content);
    return read && !read.success ? `the text in this file ${read.error.issues[0]?.message}` : undefined;
  } catch (error) {
    return `this file cannot be read: ${fileTrouble(error)}`;
  }
}

const tokenSchema = rootSchema.shape.server.unwrap().shape.tokens.unwrap().element.shape.token;
