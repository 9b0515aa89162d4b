/**
 * Turns what the schema found into findings in the project's own words: what is wrong, in one sentence, with the
 * nearest thing that would be right. Knows zod's issues; nothing else does.
 */
import type { z } from 'zod';
import { type Path, pathKey } from './document.ts';
import { keyPaths, keysAt } from './json-schema.ts';
import { nearest } from './nearest.ts';

export interface Finding {
  readonly path: Path;
  readonly at: 'key' | 'value';
  readonly wrong: string;
  /** The value may be anything, a mistyped secret too: it must not be quoted. */
  readonly hide?: boolean;
  /** Of a misspelt key: the one that was meant, which is missing for no other reason. */
  readonly meant?: Path;
}

type Issue = z.core.$ZodIssue;

/**
 * Findings for the issues, one a place; those beyond a bound are only counted. `value` is what was checked; `filled` says
 * which of its texts came out of variables, by `pathKey`.
 */
export function findings(
  issues: readonly Issue[],
  value: unknown,
  filled: ReadonlyMap<string, readonly string[]>,
): { readonly found: readonly Finding[]; readonly unlisted: number } {
  const all = issues.flatMap(oneAKey);
  const first = new Map<string, Finding>();
  const explained = all.slice(0, mostExplained).flatMap((issue) => explain(issue, value, []));
  const misspelt = new Set(explained.map(({ meant }) => meant && pathKey([...meant, 'key'])));
  for (const finding of explained) {
    const place = pathKey([...finding.path, finding.at]);
    if (!first.has(place) && !misspelt.has(place)) first.set(place, finding);
  }
  const found = [...first.values()].map((finding) => {
    const names = finding.at === 'value' ? filled.get(pathKey(finding.path)) : undefined;
    return names ? { ...finding, wrong: `${finding.wrong} (after ${variables(names)} was filled in)` } : finding;
  });
  return { found, unlisted: Math.max(0, all.length - mostExplained) };
}

/** Somewhat more than are shown, since some turn out to be one; a file with more is the wrong file. */
const mostExplained = 500;

const oneAKey = (issue: Issue): readonly Issue[] =>
  issue.code === 'unrecognized_keys' ? issue.keys.map((name) => ({ ...issue, keys: [name] })) : [issue];

const variables = (names: readonly string[]) => names.map((name) => `\`\${${name}}\``).join(', ');

function explain(issue: Issue, root: unknown, prefix: Path): readonly Finding[] {
  const path = [...prefix, ...(issue.path as Path)];
  const value = valueAt(root, path);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((name) => unknownKey(path, name));
  if (value === undefined) return [{ path, at: 'key', wrong: missing(path) }];
  const finding = (wrong: string): readonly Finding[] => [{ path, at: 'value', wrong }];
  switch (issue.code) {
    case 'invalid_union':
      return explainUnion(issue, root, path, value);
    case 'invalid_type':
      return finding(typeWords[issue.expected] ?? issue.message);
    case 'invalid_value':
      return finding(issue.message.startsWith('Invalid') ? oneOf(issue.values, value) : issue.message);
    default:
      return finding(issue.message);
  }
}

const typeWords: Readonly<Record<string, string>> = {
  object: 'must be a mapping: keys and values, indented below',
  array: 'must be a list: entries that begin with `- `, indented below',
};

function missing(path: Path): string {
  const name = String(path.at(-1));
  if (path.length > 1) return `\`${name}\` is missing`;
  if (name === 'accounts') return 'there is no account: write `accounts:` and below it `  - name: main`';
  return 'there is no group, so nothing would be managed: write `groups:` and below it `  - name: vip`';
}

function oneOf(values: readonly unknown[], value: unknown): string {
  const known = values.map(String);
  const meant = typeof value === 'string' ? nearest(value, known) : undefined;
  const list = known.map((word) => `\`${word}\``).join(', ');
  return meant === undefined ? `must be one of ${list}` : `did you mean \`${meant}\`? It must be one of ${list}`;
}

/** Of several forms, the one that was meant; if none is near, all of them. */
function explainUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  root: unknown,
  path: Path,
  value: unknown,
): readonly Finding[] {
  const form = Array.isArray(value) ? 'array' : typeof value;
  const otherForm = (own: Issue) =>
    own.path.length === 0 &&
    ((own.code === 'invalid_type' && own.expected !== form) ||
      (own.code === 'invalid_value' && (form !== 'string' || own.values.includes(false))));
  const meant = issue.errors.find((own) => !own.some(otherForm));
  if (meant) return meant.flatMap((own) => explain(own, root, path));
  const orFalse = issue.errors.some((own) => own.some((one) => one.code === 'invalid_value'));
  const words = orFalse
    ? 'must be a mapping (keys and values, indented below), or `false`'
    : 'must be text: put it in quotes';
  return [{ path, at: 'value', wrong: words }];
}

function unknownKey(parent: Path, name: string): Finding {
  const path = [...parent, name];
  const known = keysAt(parent);
  const meant = nearest(name, known);
  const hide = meant === undefined || /secret|token|password|key/i.test(meant);
  const at = 'key';
  if (meant !== undefined)
    return { path, at, hide, wrong: `no such key: did you mean \`${meant}\`?`, meant: [...parent, meant] };
  const elsewhere = keyPaths().filter((other) => other.split('.').at(-1) === name);
  if (elsewhere.length > 0) return { path, at, wrong: `no such key here: it belongs to ${listed(elsewhere)}` };
  return { path, at, hide, wrong: `no such key; possible here: ${listed(known)}` };
}

const listed = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ');

/** What stands at a place of plain values; undefined if nothing does. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
