/**
 * The way from a file to settings. A pure function of the file, the environment and the secret files: either
 * settings with warnings, or every mistake at once. It never throws for anything that a file can hold.
 */

import { createHash } from 'node:crypto';
import type { Node } from 'yaml';
import type { Environment } from '../domain/ports/app-port.ts';
import { isMapping } from '../domain/words/mapping.ts';
import { fileTrouble, type Held, type ReadFileNow } from '../user-files.ts';
import { checkTogether, secretPlaces } from './agreement.ts';
import { locate, type Mistake, pathKey, type ReadDocument, readDocument } from './document.ts';
import { type Finding, findings, valueAt } from './issues.ts';
import { type Checked, fileProblem, type Loaded, maxFileBytes, maxSecretBytes, settle } from './loaded.ts';
import { masks, masksByLine, masksByLook } from './masks.ts';
import { problems } from './messages.ts';
import { accountSchema, rootSchema, token } from './schema.ts';
import { resolve } from './settings.ts';
import { warnings } from './warnings.ts';

export interface LoadRequest {
  readonly path: string;
  readonly env: Environment;
  /** Those that keep a store on this machine. */
  readonly engines: readonly string[];
  readonly readFile: ReadFileNow;
}

export const loadSettings = (request: LoadRequest): Loaded => settle(checkSettings(request));

export function checkSettings({ path, env, engines, ...request }: LoadRequest): Checked {
  const read = new Map<string, Held>();
  const readFile = noting(request.readFile, read);
  const config = readText(path, readFile);
  if (!config.ok) return { ok: false, errors: [fileProblem(path, config.wrong)], read };
  const { text, hash } = config;
  if (isEmpty(text)) {
    const wrong = 'is empty: write `accounts:` and `groups:`, as in config/minimal.yaml';
    return { ok: false, errors: [fileProblem(path, wrong)], read };
  }
  const document = readDocument(text, env);
  const found = check(document, engines, readFile);
  const byPlace = document.value === undefined ? masksByLine(text) : masks(text, document.contents);
  const hidden = [...byPlace, ...found.hidden, ...masksByLook(text)];
  const source = { file: path, text, hidden };
  if (!found.written) {
    return { ok: false, errors: problems(source, found.mistakes, found.unlisted), read };
  }
  const warned = warnings(resolve(found.written)).map((finding) => place(document.contents, finding));
  return { ok: true, written: found.written, warnings: problems(source, warned, 0), hash, read };
}

/** Notes what each file holds that is read. */
const noting =
  (readFile: ReadFileNow, read: Map<string, Held>): ReadFileNow =>
  (file, maxBytes) => {
    try {
      const bytes = readFile(file, maxBytes);
      read.set(file, { text: new TextDecoder().decode(bytes) });
      return bytes;
    } catch (error) {
      read.set(file, { why: fileTrouble(error) });
      throw error;
    }
  };

type ReadText =
  | { readonly ok: true; readonly text: string; readonly hash: string }
  | { readonly ok: false; readonly wrong: string };

function readText(path: string, readFile: ReadFileNow): ReadText {
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

/** `written`: undefined if there is any mistake. `unlisted`: mistakes that are only counted. */
function check(document: ReadDocument, engines: readonly string[], readFile: ReadFileNow) {
  const { value, contents, mistakes, unlisted } = document;
  const nothing = { written: undefined, unlisted, hidden: [] };
  if (value === undefined) return { ...nothing, mistakes };
  if (!isMapping(value)) {
    const wrong = 'must be a mapping: `accounts:`, `groups:` and so on at its top';
    return { ...nothing, mistakes: [...mistakes, { range: { from: 0, to: 1 }, path: [], wrong }] };
  }
  const parsed = rootSchema(engines).safeParse(value);
  const bySchema = parsed.success ? { found: [], unlisted: 0 } : findings(parsed.error.issues, value, document.filled);
  const found = [...bySchema.found, ...checkTogether(value), ...checkFiles(value, readFile)];
  const hidden = found.flatMap((finding) => (finding.hide ? (locate(contents, finding.path).value ?? []) : []));
  const all = withoutRepeats(
    mistakes,
    found.map((finding) => place(contents, finding)),
  );
  const written = parsed.success && all.length === 0 ? parsed.data : undefined;
  return { written, mistakes: all, unlisted: unlisted + bySchema.unlisted, hidden };
}

/** A place that YAML or a variable has spoilt is reported once: what the schema says about it is only a consequence. */
function withoutRepeats(first: readonly Mistake[], then: readonly Mistake[]): readonly Mistake[] {
  const marked = new Set<string>();
  const marksOf = ({ path, range }: Mistake) => [
    `${range.from}-${range.to}`,
    ...(path.length > 0 ? [pathKey(path)] : []),
  ];
  return [...first, ...then].filter((mistake, n) => {
    const marks = marksOf(mistake);
    if (n >= first.length && marks.some((mark) => marked.has(mark))) return false;
    for (const mark of marks) marked.add(mark);
    return true;
  });
}

/** From a key or value to the text that the caret goes under. */
function place(contents: Node | null, { path, at, wrong }: Finding): Mistake {
  const { key, value, scalar } = locate(contents, path);
  const range = at === 'value' && scalar && value && value.to > value.from ? value : (key ?? value);
  return { range: range ?? { from: 0, to: 1 }, path, wrong };
}

/** Secret and certificate files must be there now; that they may change later is their reader's business. */
function checkFiles(root: unknown, readFile: ReadFileNow): readonly Finding[] {
  const secrets = Array.from(secretPlaces(root), ({ path, name }) => ({ path: [...path, `${name}File`], name }));
  const tls = ['certFile', 'keyFile'].map((name) => ({ path: ['server', 'tls', name], name }));
  return [...secrets, ...tls].flatMap(({ path, name }): readonly Finding[] => {
    const file = valueAt(root, path);
    if (typeof file !== 'string' || file.trim() === '') return [];
    const wrong = fileMistake(file, name, readFile);
    return wrong === undefined ? [] : [{ path, at: 'value', wrong }];
  });
}

function fileMistake(file: string, name: string, readFile: ReadFileNow): string | undefined {
  let content: string;
  try {
    content = new TextDecoder().decode(readFile(file, maxSecretBytes)).trim();
  } catch (error) {
    return `this file cannot be read: ${fileTrouble(error)}`;
  }
  if (content === '') return 'this file is empty';
  const { hookToken, proxy } = accountSchema.shape;
  const shape = { token: token(), hookToken, proxy }[name];
  const read = shape?.safeParse(content);
  return read && !read.success ? `the text in this file ${read.error.issues[0]?.message}` : undefined;
}
