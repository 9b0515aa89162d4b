/**
 * A world in virtual time that wants the limiter to fail: it decides how long every call travels each way, what
 * becomes of it, when limits are reloaded and how late or early timers fire. What happened is written down from
 * outside (`Run`), and the promises are checked on that record alone, on arrivals at the server.
 */
import fc from 'fast-check';
import type * as limiter from '../../src/cloud/limiter/limiter.ts';
import type { Lane, LimitName, Outcome, RateLimit } from '../../src/domain/ports/gate-port.ts';

type Limits = Readonly<Record<LimitName, number>>;
export const limitNames = ['account', 'restart', 'list'] as const satisfies readonly LimitName[];
/** In which limits the calls of a lane count, by the reference alone. */
const limitsOf: Readonly<Record<Lane, readonly LimitName[]>> = {
  restart: ['account', 'restart'],
  verify: ['account', 'list'],
  poll: ['account', 'list'],
  other: ['account'],
};
/** The first before the others. */
export const lanes = Object.keys(limitsOf) as readonly Lane[];
const configured = ({ perSecond, restart = perSecond, list = perSecond }: RateLimit): Limits => ({
  account: perSecond,
  restart,
  list,
});

/** The limiter, or a mutant of it. */
export type Limiter = Pick<typeof limiter, 'startLimiter' | 'stepLimiter' | 'limiterSnapshot'>;

/** What becomes of a call that was admitted. All in milliseconds. */
export type Fate =
  | { readonly kind: 'answered'; readonly saveMs: number; readonly upMs: number; readonly downMs: number }
  /** It arrives when the clock next shows a multiple of `everyMs`: the adversary has seen it leave and gathers a crowd. */
  | { readonly kind: 'gathered'; readonly saveMs: number; readonly everyMs: number; readonly downMs: number }
  /** Our end gives up after `closesMs`; it counts `upMs` after leaving, yet within 4 s of the end of the connection. */
  | { readonly kind: 'lost'; readonly saveMs: number; readonly upMs: number; readonly closesMs: number }
  | { readonly kind: 'never-left'; readonly saveMs: number }
  | { readonly kind: 'unused'; readonly saveMs: number };

export type Move =
  | { readonly kind: 'ask'; readonly lane: Lane; readonly fate: Fate; readonly givesUpMs: number | undefined }
  | { readonly kind: 'reload'; readonly limit: RateLimit }
  | { readonly kind: 'throttle'; readonly limit: LimitName }
  | { readonly kind: 'take-over' }
  | { readonly kind: 'pass'; readonly ms: number };

export interface Scenario {
  /** The monotonic clock at the start; with a fraction, as real ones have. */
  readonly startsAt: number;
  /** Milliseconds of the server per million of ours, more or less. */
  readonly slewPpm: number;
  readonly limit: RateLimit;
  /** How far off each timer is, in turn; below 0 it fires early. */
  readonly timersOffMs: readonly number[];
  readonly moves: readonly Move[];
}

export interface Call {
  readonly id: number;
  readonly lane: Lane;
  readonly askedAt: number;
  readonly admittedAt: number;
  /** Lanes that waited as it was admitted, its own call included, and those of them that certainly had room. */
  readonly waiting: ReadonlySet<Lane>;
  readonly open: ReadonlySet<Lane>;
  /** What the limiter called its present limits then. */
  readonly limits: Limits;
  readonly spacing: 'even' | 'none';
  /** How many reloads and silences there had been by then. */
  readonly reloads: number;
  readonly silences: number;
  readonly fate: Fate;
  arrivedAt: number | undefined;
  doneAt: number | undefined;
}

export interface Run {
  readonly calls: readonly Call[];
  /** Configured limits and when. */
  readonly reloads: readonly { readonly at: number; readonly limits: Limits }[];
  readonly silences: readonly number[];
  /** Moments at which somebody could have gone and the limiter slept on. */
  readonly wasted: readonly string[];
  readonly withdrawnButAdmitted: number;
}

const windowMs = 1_000;
/** Rounding up to whole milliseconds and one for slewed clocks: what the limiter may be late. */
const marginMs = 2;

/** Plays one scenario to its end. */
export function play(limiter: Limiter, scenario: Scenario): Run {
  let now = scenario.startsAt;
  let state = limiter.startLimiter(scenario.limit, now);
  let { spacing } = scenario.limit;
  const agenda: { at: number; order: number; run: () => void }[] = [];
  let order = 0;
  let timer: { off: boolean } | undefined;
  let timers = 0;
  const calls: Call[] = [];
  const reloads = [{ at: now, limits: configured(scenario.limit) }];
  const silences = [now];
  const wasted: string[] = [];
  let withdrawnButAdmitted = 0;
  const asking = new Map<number, { lane: Lane; askedAt: number; fate: Fate }>();
  const withdrawn = new Set<number>();

  const later = (at: number, run: () => void) => {
    agenda.push({ at, order: order++, run });
  };

  const happen = (event: limiter.LimiterEvent) => {
    const waitingBefore = [...asking];
    const step = limiter.stepLimiter(state, now, event);
    state = step.state;
    for (const { id } of step.admitted) {
      const asked = asking.get(id);
      if (withdrawn.has(id) || asked === undefined) {
        withdrawnButAdmitted++;
        continue;
      }
      const waiting = new Set([...asking.values()].map(({ lane }) => lane));
      asking.delete(id);
      const limits = presentLimits();
      const opensAt = openings(limits);
      const open = new Set([...waiting].filter((lane) => laneOpensAt(lane, opensAt) + marginMs < now));
      const call: Call = {
        id,
        ...asked,
        waiting,
        open,
        limits,
        spacing,
        reloads: reloads.length,
        silences: silences.length,
        admittedAt: now,
        arrivedAt: undefined,
        doneAt: undefined,
      };
      calls.push(call);
      travel(call);
    }
    if (asking.size > 0) {
      const could = couldGoAt();
      if (could + marginMs < now) wasted.push(`${waitingBefore.length} waited at ${now}, could have gone at ${could}`);
      if (could < Infinity && (step.wakeAt ?? Infinity) > Math.max(could + marginMs, now)) {
        wasted.push(`asleep until ${step.wakeAt}, could go at ${could}`);
      }
    }
    setTimer(step.wakeAt);
  };

  const setTimer = (wakeAt: number | undefined) => {
    if (timer !== undefined) timer.off = true;
    timer = undefined;
    if (wakeAt === undefined) return;
    const offMs = scenario.timersOffMs[timers++ % Math.max(1, scenario.timersOffMs.length)] ?? 0;
    const mine = { off: false };
    timer = mine;
    // An early timer is set anew; it still has to come nearer each time.
    const at = wakeAt - now > 1 ? Math.max(now, wakeAt + offMs) : Math.max(now, wakeAt + Math.abs(offMs));
    later(at, () => {
      if (!mine.off) happen({ kind: 'woken' });
    });
  };

  const give = (call: Call, at: number, outcome: Outcome) => {
    later(at, () => {
      call.doneAt = now;
      happen({ kind: 'done', id: call.id, outcome });
    });
  };

  const travel = (call: Call) => {
    const { fate } = call;
    const sentAt = now + fate.saveMs;
    if (fate.kind === 'never-left' || fate.kind === 'unused') return give(call, sentAt, fate.kind);
    if (fate.kind === 'lost') {
      const closedAt = sentAt + fate.closesMs;
      call.arrivedAt = Math.min(sentAt + fate.upMs, closedAt + 3_995);
      return give(call, closedAt, 'lost');
    }
    const upMs = fate.kind === 'gathered' ? fate.everyMs - ((sentAt - scenario.startsAt) % fate.everyMs) : fate.upMs;
    call.arrivedAt = sentAt + upMs;
    give(call, call.arrivedAt + fate.downMs, 'answered');
  };

  const presentLimits = (): Limits => {
    const { perSecond, restartPerSecond, listPerSecond } = limiter.limiterSnapshot(state, now);
    return { account: perSecond, restart: restartPerSecond, list: listPerSecond };
  };

  /** By the rule alone and what is known from outside: from when on some waiting call may go, limits staying as they are. */
  const couldGoAt = (): number => {
    const opensAt = openings(presentLimits());
    const waiting = new Set([...asking.values()].map(({ lane }) => lane));
    return Math.min(...[...waiting].map((lane) => laneOpensAt(lane, opensAt)));
  };

  const laneOpensAt = (lane: Lane, opensAt: Limits): number =>
    Math.max((silences.at(-1) ?? 0) + windowMs, ...limitsOf[lane].map((name) => opensAt[name]));

  const openings = ({ account, restart, list }: Limits): Limits => ({
    account: limitOpensAt('account', account),
    restart: limitOpensAt('restart', restart),
    list: limitOpensAt('list', list),
  });

  const limitOpensAt = (name: LimitName, limit: number): number => {
    const counted = calls.filter(({ lane }) => limitsOf[lane].includes(name));
    const freeAts = counted.map((call) => {
      if (call.doneAt === undefined) return Infinity;
      if (call.fate.kind === 'never-left' || call.fate.kind === 'unused') return call.doneAt;
      return call.doneAt + (call.fate.kind === 'lost' ? 5_000 : windowMs);
    });
    const permitAt = freeAts.sort((a, b) => b - a)[limit - 1] ?? -Infinity;
    const last = counted.filter(leftOrMay).at(-1);
    const spacedAt = spacing === 'even' && last ? last.admittedAt + windowMs / limit : -Infinity;
    return Math.max(permitAt, spacedAt);
  };

  const move = (next: Move) => {
    switch (next.kind) {
      case 'ask': {
        const id = order++;
        asking.set(id, { lane: next.lane, askedAt: now, fate: next.fate });
        if (next.givesUpMs !== undefined) {
          later(now + next.givesUpMs, () => {
            if (asking.delete(id)) withdrawn.add(id);
            happen({ kind: 'withdrawn', id });
          });
        }
        return happen({ kind: 'asked', id, lane: next.lane });
      }
      case 'reload':
        reloads.push({ at: now, limits: configured(next.limit) });
        spacing = next.limit.spacing;
        return happen({ kind: 'configured', limit: next.limit });
      case 'throttle':
        return happen({ kind: 'throttled', limit: next.limit });
      case 'take-over':
        silences.push(now);
        return happen({ kind: 'taken-over' });
      case 'pass':
        return;
    }
  };

  let at = now;
  for (const next of scenario.moves) {
    if (next.kind === 'pass') at += next.ms;
    else later(at, () => move(next));
  }
  for (let steps = 0; agenda.length > 0; steps++) {
    if (steps > 100_000) throw new Error('the limiter wakes and wakes');
    let first = agenda[0];
    for (const entry of agenda) {
      if (first === undefined || entry.at < first.at || (entry.at === first.at && entry.order < first.order))
        first = entry;
    }
    if (first === undefined) break;
    agenda.splice(agenda.indexOf(first), 1);
    now = Math.max(now, first.at);
    first.run();
  }
  if (asking.size > 0) wasted.push(`${asking.size} never went`);
  return { calls, reloads, silences, wasted, withdrawnButAdmitted };
}

/** Whether a call may have left: not before it came back as never sent. */
const leftOrMay = (call: Call) =>
  call.doneAt === undefined || (call.fate.kind !== 'never-left' && call.fate.kind !== 'unused');

// ---- the promises, each a list of what broke it ------------------------------------------------------------------

/** The calls that count in a limit; each promise about limits is kept by every one of them. */
const countedIn = ({ calls }: Run, name: LimitName) => calls.filter(({ lane }) => limitsOf[lane].includes(name));

/**
 * On arrivals: whatever second one looks at, the calls in it that were admitted no later than j are no more than the
 * limit of j: the smallest that was configured in the second before j went, and no more than the present one.
 */
export function tooManyInASecond(run: Run, slewPpm: number): string[] {
  const broken: string[] = [];
  const server = (at: number) => (at - (run.silences[0] ?? 0)) * (1 + slewPpm / 1e6);
  const check = (name: LimitName, calls: readonly Call[], j: Call, index: number) => {
    if (j.arrivedAt === undefined) return;
    const limit = Math.min(j.limits[name], smallestLimit(run, j, name));
    const arrivedAt = server(j.arrivedAt);
    const near: number[] = [];
    for (const i of calls.slice(0, index + 1)) {
      const other = i.arrivedAt === undefined ? Number.NaN : server(i.arrivedAt);
      if (Math.abs(other - arrivedAt) < windowMs) near.push(other);
    }
    near.sort((a, b) => a - b);
    near.forEach((from, first) => {
      if (from > arrivedAt) return;
      const count = near.filter((other, at) => at >= first && other - from < windowMs).length;
      if (count > limit) broken.push(`${name}: ${count} arrivals in the second from ${from}, limit ${limit}`);
    });
  };
  for (const name of limitNames) {
    const calls = countedIn(run, name);
    calls.forEach((j, index) => {
      check(name, calls, j, index);
    });
  }
  return broken;
}

/** The smallest limit configured in the second before the call was admitted. */
function smallestLimit(run: Run, { admittedAt, reloads }: Call, name: LimitName): number {
  const inForce = run.reloads.slice(0, reloads).filter((_, index, all) => {
    const until = all[index + 1]?.at ?? Infinity;
    return until > admittedAt - windowMs;
  });
  return Math.min(...inForce.map(({ limits }) => limits[name]));
}

export function tooClose(run: Run): string[] {
  return limitNames.flatMap((name) => tooCloseIn(countedIn(run, name), name));
}

function tooCloseIn(calls: readonly Call[], name: LimitName): string[] {
  return calls.flatMap((call, index) => {
    if (call.spacing === 'none') return [];
    const before = calls
      .slice(0, index)
      .filter((earlier) => leftOrMay(earlier) || (earlier.doneAt ?? Infinity) > call.admittedAt);
    const gapMs = call.admittedAt - (before.at(-1)?.admittedAt ?? -Infinity);
    const limit = call.limits[name];
    return gapMs < windowMs / limit - 1e-6
      ? [`${name}: call ${index} only ${gapMs} ms after the last, limit ${limit}`]
      : [];
  });
}

export function unsilent(run: Run): string[] {
  return run.calls.flatMap(({ admittedAt, silences }) =>
    run.silences.slice(0, silences).some((from) => admittedAt < from + windowMs) ? [`admitted at ${admittedAt}`] : [],
  );
}

const isWatch = (lane: Lane) => lane === 'verify' || lane === 'poll';

/**
 * Strict order but for the floor, among the lanes that have room; of any ten permits while they wait and have room three
 * for verify and poll, one for other; in a lane by age.
 */
export function unfair(run: Run): string[] {
  const broken: string[] = [];
  const { calls } = run;
  calls.forEach((call, index) => {
    const ten = calls.slice(index, index + 10);
    const allWait = (lane: (lane: Lane) => boolean) => ten.every((one) => lane(one.lane) || [...one.open].some(lane));
    if (ten.length === 10) {
      const watch = ten.filter(({ lane }) => isWatch(lane)).length;
      if (allWait(isWatch) && watch < 3) broken.push(`only ${watch} for verify and poll in ten from ${index}`);
      const other = ten.filter(({ lane }) => lane === 'other').length;
      if (allWait((lane) => lane === 'other') && other < 1) broken.push(`none for other in ten from ${index}`);
    }
    const passed = (mine: (lane: Lane) => boolean, most: number) =>
      index >= most &&
      calls.slice(index - most, index).every(({ lane, waiting }) => !mine(lane) && [...waiting].some(mine));
    for (const higher of lanes.slice(0, lanes.indexOf(call.lane))) {
      if (!call.open.has(higher)) continue;
      const floor =
        (isWatch(call.lane) && !isWatch(higher) && passed(isWatch, 2)) ||
        (call.lane === 'other' && passed((lane) => lane === 'other', 8));
      if (!floor) broken.push(`${call.lane} went before ${higher} at ${index}`);
    }
    const older = calls.slice(index + 1).find(({ lane, id }) => lane === call.lane && id < call.id);
    if (older) broken.push(`${call.lane} ${call.id} went before ${older.id}`);
  });
  return broken;
}

// ---- scenarios ------------------------------------------------------------------------------------------------------

/** Mostly the ends of the range and round numbers: that is where a limiter breaks. */
const ms = (most: number, ...favourites: number[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(0, most, ...favourites) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: most }) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: most, noNaN: true }) },
  );

const saveMs = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: ms(300) });

export const fates: fc.Arbitrary<Fate> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('answered' as const), saveMs, upMs: ms(1_500), downMs: ms(1_500) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('gathered' as const),
      saveMs,
      everyMs: fc.constantFrom(500, 1_000, 1_500, 3_000),
      downMs: ms(1_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('lost' as const), saveMs, upMs: ms(9_000), closesMs: ms(2_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('never-left' as const, 'unused' as const), saveMs }) },
);

const asks = (lane: fc.Arbitrary<Lane>): fc.Arbitrary<Move> =>
  fc.record({
    kind: fc.constant('ask' as const),
    lane,
    fate: fates,
    givesUpMs: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: ms(3_000) }),
  });

const spacings = fc.constantFrom('none' as const, 'even' as const);
/** Often without limits of their own for the actions, or with such that never bind, sometimes with tight ones. */
const limitsUpTo = (max: number): fc.Arbitrary<RateLimit> => {
  const own = fc.oneof(fc.constant(undefined), fc.constantFrom(1, 2), fc.integer({ min: 1, max }));
  return fc
    .record({ perSecond: fc.integer({ min: 1, max }), restart: own, list: own, spacing: spacings })
    .map(({ restart, list, ...limit }) => ({
      ...limit,
      ...(restart === undefined ? {} : { restart }),
      ...(list === undefined ? {} : { list }),
    }));
};

export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  startsAt: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e10, noNaN: true })),
  // Two clocks, each off by the 500 ppm that NTP allows itself.
  slewPpm: fc.constantFrom(0, 500, -500, 999, -999),
  limit: limitsUpTo(6),
  timersOffMs: fc.array(fc.oneof(fc.constantFrom(0, -1, 1, 50), fc.double({ min: -1, max: 5, noNaN: true })), {
    maxLength: 4,
  }),
  moves: fc.array(
    fc.oneof(
      { weight: 12, arbitrary: asks(fc.constantFrom(...lanes)) },
      { weight: 4, arbitrary: ms(1_200).map((pass): Move => ({ kind: 'pass', ms: pass })) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('reload' as const), limit: limitsUpTo(12) }),
      },
      {
        weight: 1,
        arbitrary: fc.oneof(
          fc.constant<Move>({ kind: 'take-over' }),
          fc.record({ kind: fc.constant('throttle' as const), limit: fc.constantFrom(...limitNames) }),
        ),
      },
    ),
    { maxLength: 60, size: 'max' },
  ),
});

export const promises = ['safe', 'spaced', 'silent', 'fair', 'nothing wasted', 'withdrawn stays withdrawn'] as const;
export type Promised = (typeof promises)[number];

/** What a run broke of one promise; empty: kept. */
export function broken(promised: Promised, run: Run, slewPpm: number): readonly string[] {
  switch (promised) {
    case 'safe':
      return tooManyInASecond(run, slewPpm);
    case 'spaced':
      return tooClose(run);
    case 'silent':
      return unsilent(run);
    case 'fair':
      return unfair(run);
    case 'nothing wasted':
      return run.wasted;
    case 'withdrawn stays withdrawn':
      return run.withdrawnButAdmitted > 0 ? [`${run.withdrawnButAdmitted} admitted after they withdrew`] : [];
  }
}
