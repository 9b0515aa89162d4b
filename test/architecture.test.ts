/**
 * The layout, checked: who imports whom, who may know the time, what things are called, how long they get. Each
 * check is a function from source text to complaints, and is shown a bad piece first, so that none is blind.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, matchesGlob, normalize, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { apart } from '../vitest.config.ts';

const root = join(import.meta.dirname, '..');

interface Source {
  /** Relative to the root, with forward slashes: `src/cli/run.ts`. */
  readonly path: string;
  readonly text: string;
}

const sourcesUnder = (folder: string): readonly Source[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: relative(root, file).split(sep).join('/'), text: readFileSync(file, 'utf8') }));

const sources = sourcesUnder('src');

/** The code without comments, and with the inside of strings and templates blanked; lines stay where they are. */
function bare(text: string): string {
  const pieces =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[dgimsuvy]*(?=[\s.,;:)\]}])/g;
  return text.replace(pieces, (piece) => {
    const blank = (whole: string) => whole.replace(/[^\n]/g, ' ');
    // What a template computes is code, and is looked at.
    if (piece.startsWith('`'))
      return piece.replace(/\$\{[^}]*\}|[\s\S]/g, (part) => (part.startsWith('${') ? part : blank(part)));
    return blank(piece);
  });
}

const lineOf = (text: string, index: number): number => text.slice(0, index).split('\n').length;

function found(source: Source, wrong: RegExp, what: string): readonly string[] {
  const code = bare(source.text);
  return [...code.matchAll(wrong)].map(
    (match) => `${source.path}:${lineOf(code, match.index)} ${what}: ${match[0].trim()}`,
  );
}

// ---- imports -------------------------------------------------------------------------------------------------------

/** Every module that a file names: static, dynamic, type-only and re-exported ones. */
function imports({ text }: Source): readonly string[] {
  const withoutComments = text.replace(/^\s*(?:\/\*[\s\S]*?\*\/|\/\/[^\n]*)/gm, '');
  const named = /\bfrom\s*(['"])([^'"\n]+)\1|\bimport\s*\(\s*(['"])([^'"\n]+)\3\s*\)|\bimport\s*(['"])([^'"\n]+)\5/g;
  return [...withoutComments.matchAll(named)].map((match) => match[2] ?? match[4] ?? match[6] ?? '');
}

/** `src/cli/run.ts` → `cli`, `src/main.ts` → `main`. */
const partOf = (path: string): string => path.split('/')[1]?.replace(/\.ts$/, '') ?? '';

const neighbours = ['keeper', 'cloud', 'store', 'settings', 'telemetry', 'web', 'simulator'];

/** main → cli, app → the neighbours → domain. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  main: ['cli', 'app', 'clock', 'telemetry', 'domain'],
  'few-at-once': [],
  'user-files': ['clock', 'few-at-once'],
  app: [...neighbours, 'clock', 'user-files', 'domain'],
  cli: [...neighbours, 'user-files', 'domain'],
  clock: ['domain'],
  domain: [],
  ...Object.fromEntries(neighbours.map((name) => [name, ['user-files', 'few-at-once', 'domain']])),
  // What the daemon never loads: what writes config/.
  mixin: ['telemetry', 'cloud', 'domain'],
};

function wrongImports(source: Source): readonly string[] {
  const from = partOf(source.path);
  const allowed = mayImport[from];
  if (!allowed) return [`${source.path} is in no part of the house`];
  return imports(source).flatMap((name) => {
    if (!name.startsWith('.'))
      return from === 'domain' ? [`${source.path} imports ${name}: domain imports nothing`] : [];
    const target = normalize(join(dirname(source.path), name))
      .split(sep)
      .join('/');
    if (!name.endsWith('.ts')) return [`${source.path} imports ${name}: imports name the .ts file`];
    if (!target.startsWith('src/')) return [`${source.path} imports ${target}, outside src`];
    const to = partOf(target);
    // The entry of a thread wires what runs in it, as app does for the process.
    if (to === 'clock' && /-thread\.ts$/.test(source.path)) return [];
    return to === from || allowed.includes(to) ? [] : [`${source.path} imports ${target}: ${from} may not know ${to}`];
  });
}

/** Inside domain: what is shown is on top, then what decides and what learns, then memory, then words. */
const roomMayImport: Readonly<Record<string, readonly string[]>> = {
  words: [],
  memory: ['words'],
  learn: ['memory', 'words'],
  decide: ['learn', 'memory', 'words'],
  views: ['decide', 'learn', 'memory', 'ports', 'words'],
  ports: ['memory', 'views', 'words'],
};
const roomOf = (path: string): string => path.split('/')[2] ?? '';

function wrongRoom(source: Source): readonly string[] {
  if (partOf(source.path) !== 'domain') return [];
  const from = roomOf(source.path);
  const allowed = roomMayImport[from];
  if (!allowed) return [`${source.path} is in no room of domain`];
  const values = /^export (?:const|let|class|function|async function)\b.*/gm;
  const running = from === 'ports' ? found(source, values, 'ports are types only') : [];
  const wrong = imports(source)
    .map((name) =>
      normalize(join(dirname(source.path), name))
        .split(sep)
        .join('/'),
    )
    .filter(
      (target) => target.startsWith('src/domain/') && roomOf(target) !== from && !allowed.includes(roomOf(target)),
    )
    .map((target) => `${source.path} imports ${target}: ${from} may not know ${roomOf(target)}`);
  return [...running, ...wrong];
}

/** The ledger is changed in memory/ alone: everybody else has the type that can only be read. */
const writesMemory = (source: Source): readonly string[] =>
  source.path.startsWith('src/domain/memory/')
    ? []
    : [
        ...found(source, /\b(?:WritableLedger|emptyLedger)\b/g, 'memory is written in domain/memory/ alone'),
        ...imports(source)
          .filter((name) => /\/memory\/apply(?:-account)?\.ts$/.test(name))
          .map((name) => `${source.path} imports ${name}: tell a fact to Memory`),
      ];

// ---- time, chance, syntax -------------------------------------------------------------------------------------------

const clocks =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bnew Date\b(?!\s*\()|(?<!new )\bDate\(\s*\)|\bperformance\.\w+|\bprocess\.(?:hrtime|uptime)\b|(?<![\w.])(?:setTimeout|setInterval|setImmediate)\b|\bAbortSignal\.timeout\b|\bTemporal\.Now\b/g;
const timerModules = /^(?:node:)?(?:timers(?:\/promises)?|perf_hooks)$/;

const knowsTime = (source: Source): readonly string[] =>
  source.path === 'src/clock.ts'
    ? []
    : [
        ...found(source, clocks, 'time is known to clock.ts only'),
        ...imports(source)
          .filter((name) => timerModules.test(name))
          .map((name) => `${source.path} imports ${name}: time is known to clock.ts only`),
      ];

const leavesToChance = (source: Source): readonly string[] =>
  found(source, /\bMath\.random\b/g, 'chance comes from seeds or node:crypto');

const unerasable = (source: Source): readonly string[] => [
  ...found(source, /^\s*(?:export\s+|declare\s+|const\s+)*(?:enum|namespace|module)\s+\w+/gm, 'not erasable'),
  ...found(source, /\bexport\s+default\b/g, 'exports are named'),
];

// ---- names ----------------------------------------------------------------------------------------------------------

const emptyWords = ['Manager', 'Handler', 'Helper', 'Util', 'Utils', 'Service', 'Data', 'Info'];

/** `retryHandlerOf` → retry, Handler, Of: whole words only, so `Update` and `Information` are no offence. */
const wordsOf = (name: string): readonly string[] =>
  name.split(/(?<=[a-z0-9])(?=[A-Z])|[-_.]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase());

const isEmptyName = (name: string): boolean => wordsOf(name).some((word) => emptyWords.includes(word));

function emptyNames(source: Source): readonly string[] {
  const file = source.path.split('/').slice(1).some(isEmptyName) ? [`${source.path} is an empty name`] : [];
  const declared = /\b(?:function\*?|class|interface|type|const|let)\s+(\w+)/g;
  const names = [...bare(source.text).matchAll(declared)].map((match) => match[1] ?? '');
  return [...file, ...names.filter(isEmptyName).map((name) => `${source.path} declares ${name}, an empty name`)];
}

/** Fields as the vendor writes them. */
const vendorFields =
  'TaskId|Title|GroupNames?|StartTime|EndTime|CallbackURL|CycleMode|PlayTimes|DstAddr|DstAddrType|SrcAddrS?|VodSrcAddrs|ContinueStrategy|PreDownload|TaskStatus|PageCur|PageSize|PageTotal|PageNum|TotalCount|StatusList|ProjectName|ResponseMetadata|RequestId|CodeN';
/** As a property read (`item.TaskId`), a key (`TaskId:`), a shorthand or a quoted key; in prose they are free. */
const vendorUse = new RegExp(`\\.(?:${vendorFields})\\b|(?<=[{,(\\s])(?:${vendorFields})\\??\\s*[:,}](?!:)`, 'g');
const quotedKey = new RegExp(`(['"])(?:${vendorFields})\\1\\s*(?:[\\]:]|in\\b)`, 'g');

function speaksVendor(source: Source): readonly string[] {
  if (/^src\/(?:cloud|simulator)\//.test(source.path)) return [];
  const withoutComments = source.text.replace(/\/\*[\s\S]*?\*\/|(?<=\s|^)\/\/[^\n]*/g, '');
  return [
    ...found(source, vendorUse, "the vendor's field names stay in cloud/"),
    ...[...withoutComments.matchAll(quotedKey)].map((match) => `${source.path} names the vendor's ${match[0]}`),
  ];
}

// ---- purpose ---------------------------------------------------------------------------------------------------------

const withoutPurpose = ({ path, text }: Source): readonly string[] =>
  /^(?:#![^\n]*\n)?\/\*\*/.test(text) ? [] : [`${path} does not say on top what it is`];

// ---- schemas ---------------------------------------------------------------------------------------------------------

/** Making a zod type costs ten times what reading a record with it does: it is made once, where the module begins. */
const throwawaySchema = (source: Source): readonly string[] =>
  found(source, /\bz\s*\.[a-z]\w*\([^;]*?\)\s*\.(?:safeP|p)arse\w*\(/g, 'a schema made for one reading');

// ---- the checks, each shown a bad piece first ------------------------------------------------------------------------

type Check = (source: Source) => readonly string[];
const checks: readonly (readonly [name: string, check: Check, bad: readonly Source[], good: readonly Source[]])[] = [
  [
    'imports run one way',
    wrongImports,
    [
      piece('src/domain/a.ts', "import { x } from '../clock.ts';"),
      piece('src/domain/a.ts', "import { join } from 'node:path';"),
      piece('src/domain/a.ts', "import { z } from 'zod';"),
      piece('src/domain/a.ts', "import type { X } from '../cloud/b.ts';"),
      piece('src/cloud/a.ts', "import { x } from '../store/b.ts';"),
      piece('src/cloud/a.ts', "export { x } from '../app/b.ts';"),
      piece('src/cloud/a.ts', "import '../clock.ts';"),
      piece('src/cloud/a.ts', "import {\n  x,\n} from '../web/b.ts';"),
      piece('src/web/a.ts', "const x = await import('../store/b.ts');"),
      piece('src/web/a.ts', "import { x } from '../domain/b';"),
      piece('src/web/a.ts', "import { x } from '../../test/b.ts';"),
      piece('src/cli/a.ts', "import { x } from '../app/b.ts';"),
      piece('src/keeper/a.ts', "import { x } from '../cloud/b.ts';"),
      piece('src/app/a.ts', "import { x } from '../cli/b.ts';"),
      piece('src/telemetry/a.ts', "import { x } from '../mixin/b.ts';"),
      piece('src/main.ts', "import { x } from './store/b.ts';"),
      piece('src/lib/a.ts', ''),
    ],
    [
      piece('src/cli/a.ts', "import { x } from '../settings/b.ts';\nimport { z } from 'zod';"),
      piece('src/app/daemon.ts', "import { x } from './keeper.ts';\nimport { y } from './store/b.ts';"),
      piece('src/domain/a.ts', "// from '../cloud/b.ts'\nimport { x } from './b.ts';"),
      piece('src/main.ts', "const app = () => import('./app/daemon.ts');"),
    ],
  ],
  [
    'the rooms of domain: decide, learn → memory → words',
    wrongRoom,
    [
      piece('src/domain/words/a.ts', "import type { X } from '../memory/b.ts';"),
      piece('src/domain/memory/a.ts', "import { x } from '../learn/b.ts';"),
      piece('src/domain/memory/a.ts', "import type { X } from '../views/b.ts';"),
      piece('src/domain/learn/a.ts', "import { x } from '../decide/b.ts';"),
      piece('src/domain/decide/a.ts', "import { x } from '../views/b.ts';"),
      piece('src/domain/ports/a.ts', 'export const x = 5;'),
      piece('src/domain/a.ts', ''),
    ],
    [
      piece('src/domain/decide/a.ts', "import { x } from '../learn/b.ts';\nimport { y } from '../words/c.ts';"),
      piece('src/domain/ports/a.ts', "import type { X } from '../memory/b.ts';\nexport interface Y {}"),
    ],
  ],
  [
    'memory has one writer',
    writesMemory,
    [
      piece('src/domain/decide/a.ts', "import { apply } from '../memory/apply.ts';"),
      piece('src/keeper/a.ts', "import type { WritableLedger } from '../domain/memory/ledger.ts';"),
      piece('src/app/a.ts', 'const ledger = emptyLedger("main");'),
    ],
    [piece('src/domain/memory/a.ts', "import { apply } from './apply.ts';")],
  ],
  [
    'time is known to clock.ts only',
    knowsTime,
    [
      piece('src/web/a.ts', 'const now = Date.now();'),
      piece('src/web/a.ts', 'const now = new Date();'),
      piece('src/web/a.ts', 'const now = new Date;'),
      piece('src/web/a.ts', 'const clock = Date.now;'),
      piece('src/web/a.ts', 'const text = Date();'),
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a template inside the bad piece
      piece('src/web/a.ts', 'const text = `at ${Date.now()}`;'),
      piece('src/web/a.ts', 'const t = performance.now();'),
      piece('src/web/a.ts', 'const t = process.hrtime.bigint();'),
      piece('src/web/a.ts', 'setTimeout(run, 5);'),
      piece('src/web/a.ts', 'const { setInterval } = globalThis;'),
      piece('src/web/a.ts', 'setImmediate(run);'),
      piece('src/web/a.ts', 'const signal = AbortSignal.timeout(5);'),
      piece('src/web/a.ts', "import { setTimeout as sleep } from 'node:timers/promises';"),
    ],
    [
      piece('src/clock.ts', 'setTimeout(run, Date.now());'),
      piece('src/web/a.ts', "// Date.now()\nconst text = 'Date.now()'; const at = new Date(5); server.setTimeout(5);"),
    ],
  ],
  [
    'nothing is left to chance',
    leavesToChance,
    [piece('src/web/a.ts', 'const x = Math.random();')],
    [piece('src/web/a.ts', 'const x = Math.round(1); // not Math.random')],
  ],
  [
    'syntax that Node can erase, exports with names',
    unerasable,
    [
      piece('src/web/a.ts', 'export enum Color { Red }'),
      piece('src/web/a.ts', 'const enum Color { Red }'),
      piece('src/web/a.ts', 'namespace Colors {}'),
      piece('src/web/a.ts', 'export default 5;'),
    ],
    [piece('src/web/a.ts', "const module = 'enum Color';\nswitch (x) {\n  case 1:\n}")],
  ],
  [
    'names say something',
    emptyNames,
    [
      piece('src/web/task-manager.ts', ''),
      piece('src/web/utils.ts', ''),
      piece('src/web/a.ts', 'export class TaskManager {}'),
      piece('src/web/a.ts', 'const requestHandler = 5;'),
      piece('src/web/a.ts', 'interface TaskInfo {}'),
      piece('src/web/a.ts', 'type UserData = string;'),
    ],
    [piece('src/web/a.ts', 'const update = 1; const information = 2; const database = 3; const dataset = 4;')],
  ],
  [
    "the vendor's field names stay in cloud/ and simulator/",
    speaksVendor,
    [
      piece('src/web/a.ts', 'const id = item.TaskId;'),
      piece('src/web/a.ts', 'const item = { SrcAddr: address };'),
      piece('src/web/a.ts', 'const { DstAddr } = item;'),
      piece('src/web/a.ts', "const id = item['TaskId'];"),
      piece('src/web/a.ts', 'interface Item { TaskId?: string }'),
    ],
    [
      piece('src/cloud/a.ts', 'const id = item.TaskId;'),
      piece(
        'src/web/a.ts',
        "// item.TaskId\nconst text = 'its StartTime, or EndTime: see there';\ntype Title = string;",
      ),
    ],
  ],
  [
    'each file says on top what it is',
    withoutPurpose,
    [piece('src/web/a.ts', "import { x } from './b.ts';")],
    [piece('src/main.ts', '#!/usr/bin/env node\n/** What it is. */'), piece('src/web/a.ts', '/** What it is. */')],
  ],
  [
    'a schema is made once',
    throwawaySchema,
    [
      piece('src/store/a.ts', 'const read = (body) => z.object({ a: z.string() }).safeParse(body).success;'),
      piece('src/web/a.ts', 'function read(body) {\n  return z\n    .array(z.string())\n    .parse(body);\n}'),
    ],
    [
      piece(
        'src/store/a.ts',
        'const type = z.object({ a: z.string() });\nconst read = (body) => type.safeParse(body);',
      ),
    ],
  ],
];

function piece(path: string, text: string): Source {
  return { path, text };
}

describe.each(checks)('%s', (_name, check, bad, good) => {
  it.each(bad.map((source) => [source.text.trim().slice(0, 60).replaceAll('\n', ' ') || source.path, source] as const))(
    'complains of: %s',
    (_text, source) => {
      expect(check(source)).not.toEqual([]);
    },
  );

  it('has nothing against what is right', () => {
    expect(good.flatMap(check)).toEqual([]);
  });

  it('holds in src', () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.flatMap(check)).toEqual([]);
  });
});

/** Circles of imports, each reported once, as the files on the way round. */
function circles(all: readonly Source[]): readonly string[] {
  const next = new Map(
    all.map((source) => [
      source.path,
      imports(source)
        .filter((name) => name.startsWith('.'))
        .map((name) =>
          normalize(join(dirname(source.path), name))
            .split(sep)
            .join('/'),
        ),
    ]),
  );
  const done = new Set<string>();
  const reported: string[] = [];
  const walk = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) reported.push([...way.slice(way.indexOf(path)), path].join(' → '));
    if (done.has(path) || way.includes(path)) return;
    for (const to of next.get(path) ?? []) walk(to, [...way, path]);
    done.add(path);
  };
  for (const { path } of all) walk(path, []);
  return reported;
}

/** One name, one subject. A command is called as people type it, whatever else has that name. */
function namesTwice(all: readonly Source[]): readonly string[] {
  const first = new Map<string, string>();
  return all.flatMap(({ path }) => {
    if (path.startsWith('src/cli/')) return [];
    const name = path.slice(path.lastIndexOf('/') + 1);
    const before = first.get(name);
    first.set(name, before ?? path);
    return before === undefined ? [] : [`${before} and ${path} have one name`];
  });
}

describe('the house as a whole', () => {
  it('no import leads back to where it came from', () => {
    const circle = [
      piece('src/a/a.ts', "import type { B } from './b.ts';"),
      piece('src/a/b.ts', "import { c } from '../c.ts';"),
      piece('src/c.ts', "import { a } from './a/a.ts';"),
    ];
    expect(circles(circle)).toEqual(['src/a/a.ts → src/a/b.ts → src/c.ts → src/a/a.ts']);
    expect(circles(circle.slice(1))).toEqual([]);
    expect(circles(sources)).toEqual([]);
  });

  it('no two files have one name', () => {
    const pieces = ['src/a/x.ts', 'src/b/x.ts', 'src/cli/x.ts'].map((path) => piece(path, ''));
    expect(namesTwice(pieces)).toEqual(['src/a/x.ts and src/b/x.ts have one name']);
    expect(namesTwice(sources)).toEqual([]);
  });
});

it('a test that replaces modules has a process of its own: others may have loaded them', () => {
  const isApart = (path: string) => apart.some((pattern) => matchesGlob(path, pattern));
  const together = (all: readonly Source[]) =>
    all.filter(({ path, text }) => /^vi\.mock\(/m.test(text) && !isApart(path)).map(({ path }) => path);
  const mocks = "import { vi } from 'vitest';\nvi.mock('node:fs');";
  expect(together([piece('test/app/fleet.test.ts', mocks), piece('test/a.test.ts', mocks)])).toEqual([
    'test/a.test.ts',
  ]);
  expect(together(sourcesUnder('test'))).toEqual([]);
});

describe('the top level', () => {
  const allowed = new Set(
    [
      ['.ci', '.dockerignore', '.gitignore', '.npmrc', 'Dockerfile', 'LICENSE', 'README.md', 'CHANGELOG.md'],
      ['biome.json', 'package.json', 'package-lock.json', 'tsconfig.json', 'vitest.config.ts'],
      ['bench', 'config', 'src', 'test'],
      // Not committed: git's own, and what installing, running and testing leave behind.
      ['.git', 'node_modules', 'data', 'test-output'],
    ].flat(),
  );
  const strangers = (names: readonly string[]) => names.filter((name) => !allowed.has(name));

  it('has only what belongs there', () => {
    expect(strangers(['src', 'notes.txt'])).toEqual(['notes.txt']);
    expect(strangers(readdirSync(root))).toEqual([]);
  });

  it('test/ mirrors src/', () => {
    const extra = new Set(['sim', 'mutants', 'end-to-end', 'real', 'bench']);
    const parts = new Set(Object.keys(mayImport));
    const folders = readdirSync(join(root, 'test'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).filter((name) => !extra.has(name) && !parts.has(name))).toEqual([]);
  });
});
