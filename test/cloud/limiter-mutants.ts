/**
 * The limiter, broken on purpose in the ways that are tempting or easy. Each mutant is the source with a few words
 * changed, stripped of its types and imported as a module of its own: the limiter itself knows nothing of it.
 */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import type { Limiter, Promised } from './limiter-world.ts';

export interface Mutant {
  readonly name: string;
  /** The promise that it breaks. */
  readonly breaks: Promised;
  /** Text of the limiter, found exactly once, and what stands there instead. */
  readonly changes: readonly (readonly [from: string, to: string])[];
}

export const mutants: readonly Mutant[] = [
  {
    name: 'a permit comes back one second after sending',
    breaks: 'safe',
    changes: [
      ['freeAt: Infinity }', 'freeAt: afterWindow(at) }'],
      [
        'if (permit === undefined || permit.freeAt !== Infinity) throw new Error(',
        'if (permit) return state.permits; else if (false) throw new Error(',
      ],
      ['= take(advance', "= event.kind === 'done' ? advance(state, now) : take(advance"],
    ],
  },
  {
    name: 'the smallest round trip seen is credited',
    breaks: 'safe',
    changes: [
      ['const slewMs = 1;', 'const slewMs = 1; let smallest = Infinity;'],
      ['at: now,\n    paces', 'at: (smallest = Infinity, now),\n    paces'],
      [
        'return others(afterWindow(state.at));',
        'smallest = Math.min(smallest, state.at - permit.admittedAt); return others(afterWindow(state.at) - smallest);',
      ],
    ],
  },
  {
    name: 'permits come back in the order of sending only',
    breaks: 'nothing wasted',
    changes: [
      [
        '? state.permits.filter((permit) => permit.freeAt > at)',
        '? state.permits.slice(Math.max(0, state.permits.findIndex((permit) => permit.freeAt > at)))',
      ],
      [
        'permits.map((permit) => permit.freeAt)',
        'permits.map((_, last) => Math.max(...permits.slice(0, last + 1).map((permit) => permit.freeAt)))',
      ],
    ],
  },
  {
    name: 'one permit more than the limit',
    breaks: 'safe',
    changes: [
      ['if (permits.length >= limit)', 'if (permits.length > limit)'],
      ['freeAts[permits.length - limit]', 'freeAts[permits.length - limit - 1]'],
    ],
  },
  {
    name: 'one permit fewer than the limit',
    breaks: 'nothing wasted',
    changes: [
      ['if (permits.length >= limit)', 'if (permits.length >= limit - 1)'],
      ['freeAts[permits.length - limit]', 'freeAts[permits.length - limit + 1]'],
    ],
  },
  {
    name: 'a reload forgets the permits that are out',
    breaks: 'safe',
    changes: [
      [
        'return { ...state, permits: giveBack(',
        'return !state.permits.some(({ id }) => id === event.id) ? state : { ...state, permits: giveBack(',
      ],
      ['return reconfigure(state, event.limit)', 'return { ...reconfigure(state, event.limit), permits: [] }'],
    ],
  },
  {
    name: 'a raise holds at once',
    breaks: 'safe',
    changes: [['raise: { to: perSecond, at: afterWindow(at) }', 'raise: { to: perSecond, at }']],
  },
  {
    name: 'a lowering waits for a window',
    breaks: 'safe',
    changes: [['if (perSecond <= pace.ceiling) {', 'if (perSecond === pace.ceiling) {']],
  },
  {
    name: 'verify and poll without a floor',
    breaks: 'fair',
    changes: [['const watchPassedOverAtMost = 2;', 'const watchPassedOverAtMost = Infinity;']],
  },
  {
    name: 'verify and poll every fourth time only',
    breaks: 'fair',
    changes: [['const watchPassedOverAtMost = 2;', 'const watchPassedOverAtMost = 3;']],
  },
  {
    name: 'other without a floor',
    breaks: 'fair',
    changes: [['const otherPassedOverAtMost = 8;', 'const otherPassedOverAtMost = Infinity;']],
  },
  {
    name: 'the youngest of a lane first',
    breaks: 'fair',
    changes: [
      ['next.waiting[lane][0]', 'next.waiting[lane].at(-1)'],
      ['waiting[lane].slice(1)', 'waiting[lane].slice(0, -1)'],
    ],
  },
  {
    name: 'a lost call keeps its permit for a second only',
    breaks: 'safe',
    changes: [['const lostHoldMs = 5_000;', 'const lostHoldMs = 1_000;']],
  },
  {
    name: 'a call that never left keeps its permit',
    breaks: 'nothing wasted',
    changes: [
      [
        "case 'never-left':\n    case 'unused':\n      return state.permits.filter((one) => one !== permit);",
        "case 'never-left':\n    case 'unused': return others(afterWindow(state.at));",
      ],
    ],
  },
  {
    name: 'no millisecond for slewed clocks',
    breaks: 'safe',
    changes: [['const slewMs = 1;', 'const slewMs = 0;']],
  },
  {
    name: 'a timer that fires early lets a call go',
    breaks: 'safe',
    changes: [['opensAt[lane] <= at;', 'opensAt[lane] <= at + 1.5;']],
  },
  {
    name: 'no silence at the start',
    breaks: 'silent',
    changes: [['startsSilent ? afterWindow(now) : now', 'now']],
  },
  {
    name: 'no silence at a take-over',
    breaks: 'silent',
    changes: [['return { ...state, silentUntil: afterWindow(state.at) };', 'return state;']],
  },
  {
    name: 'spaced for the configured limit while the rate is halved',
    breaks: 'spaced',
    changes: [['windowMs / limit :', 'windowMs / pace.ceiling :']],
  },
  {
    name: 'only the account has a limit',
    breaks: 'safe',
    changes: [
      [
        'const limit = Math.floor(pace.rate);',
        'const limit = Math.floor((name === "account" ? pace : paces.account).rate);',
      ],
    ],
  },
  {
    name: 'verify and poll each have the limit of lists',
    breaks: 'safe',
    changes: [
      ['poll: lists,', 'poll: Math.max(account, roomAt(state, "list", "poll")),'],
      ["roomAt(state, 'list'))", "roomAt(state, 'list', 'verify'))"],
      [
        'permits: all, spacing }: LimiterState, name: LimitName)',
        'permits: all, spacing }: LimiterState, name: LimitName, only)',
      ],
      ['ownLimit[lane] === name)', 'lane === (only ?? "restart"))'],
    ],
  },
  {
    name: 'actions with limits of their own do not count in the account’s',
    breaks: 'safe',
    changes: [["name === 'account' ? all :", "name === 'account' ? all.filter(({ lane }) => !ownLimit[lane]) :"]],
  },
  {
    name: 'a restart whose limit is used up keeps the other lanes waiting',
    breaks: 'nothing wasted',
    changes: [
      [
        "return mayGo('restart') ? 'restart'",
        "return waiting.restart.length > 0 ? (mayGo('restart') ? 'restart' : undefined)",
      ],
      ['const wakeAt = Math.min(', 'const wakeAt = waiting.restart.length > 0 ? opensAt.restart : Math.min('],
    ],
  },
  {
    name: 'asleep until the last of the waiting lanes has room',
    breaks: 'nothing wasted',
    changes: [
      ['const wakeAt = Math.min(', 'const wakeAt = Math.max('],
      ['? opensAt[lane] : Infinity)', '? opensAt[lane] : -Infinity)'],
      ['wakeAt === Infinity ?', 'Math.abs(wakeAt) === Infinity ?'],
    ],
  },
  {
    name: 'a withdrawn call goes all the same',
    breaks: 'withdrawn stays withdrawn',
    changes: [['ids.includes(event.id) ?', 'ids.includes(-1) ?']],
  },
];

const source = readFileSync(new URL('../../src/cloud/limiter/limiter.ts', import.meta.url), 'utf8');

/** The limiter with the mutant's changes. Throws if the words to be changed are not in the source, or more than once. */
export async function breed({ name, changes }: Pick<Mutant, 'name' | 'changes'>): Promise<Limiter> {
  let text = source;
  for (const [from, to] of changes) {
    const found = text.split(from).length - 1;
    if (found !== 1) throw new Error(`${name}: "${from}" stands ${found} times in limiter.ts`);
    text = text.replace(from, () => to);
  }
  const module = `${stripTypeScriptTypes(text)}\n// ${name}`;
  return import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(module)}`);
}
