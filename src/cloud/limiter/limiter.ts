/**
 * How often we may call: at most `perSecond` calls in any second *as the server counts them*, whatever the network
 * does, and of restarts and lists no more than their own limits inside it. A pure state machine, (state, now, event) →
 * (state, who may go, when to look again), apart from the gate that runs it, so that an adversary who chooses every
 * delay can be set against it in virtual time.
 *
 * The rule, for each limit L by itself: a call that counts in it takes a permit when it is admitted and gives it back
 * one window W after its response has arrived; at most L permits are out; they come back in any order. Every call
 * counts in the account's limit, a restart and a list in their action's too, and goes only where both have room.
 *
 * Why that is safe: a call counts at some moment a after its admission g and no later than its response r. Suppose
 * L+1 calls counted within [x, x+W), and let j be the one admitted last. Every other call i of them has
 * r_i ≥ a_i ≥ x > a_j − W ≥ g_j − W, so at g_j its permit was still out; those are L, and j was not admitted. What
 * passes between admission and sending (the intent is saved) only lets a permit stay out longer.
 *
 * Why a change of L keeps it: L stands for the limit at g_j, the permits of before are carried over, and a raise
 * waits for one window. So a second that begins before a raise has room for the smaller limit only, and after a
 * lowering nobody goes until fewer than the smaller limit are out.
 *
 * Neither argument asks which calls there are besides those that count in L, so it holds for every limit at once.
 *
 * `now` is monotonic milliseconds. Late wakes make it slower, early ones admit nobody, the wall clock is unknown here.
 */
import type { GateSnapshot, Lane, LimitName, Outcome, RateLimit } from '../../domain/ports/gate-port.ts';

/** The vendor counts calls per second. */
export const windowMs = 1_000;
/** NTP may slew a clock by 500 ppm, and there are two, ours and the server's: so much of a second may be missing. */
const slewMs = 1;
/** A call without a response is taken as counted within 4 s of the end of its connection. */
export const lostHoldMs = 5_000;
/** Refusals of one burst arrive together and mean one thing: they halve the rate once. */
const halvingEveryMs = 1_000;
const recoveryEveryMs = 10_000;
/** Recovery adds this part of the configured rate. */
const recoveryPart = 1 / 10;
const slowestPerSecond = 1;
/** More calls than this waiting at once are a mistake of ours: the largest account reads some hundred pages a poll. */
const maxWaiting = 10_000;

/**
 * The floor under the lanes. Verify and poll are passed over at most twice in a row, so of any ten permits at least
 * three are theirs; `other` at most eight times, and once more if verify or poll are owed a permit at that very
 * moment (they are not owed the next one), so of any ten at least one is its own.
 */
const watchPassedOverAtMost = 2;
const otherPassedOverAtMost = 8;

/** In which limit the calls of a lane count, besides the account's. */
const ownLimit: Readonly<Record<Lane, Exclude<LimitName, 'account'> | undefined>> = {
  restart: 'restart',
  verify: 'list',
  poll: 'list',
  other: undefined,
};

export type LimiterEvent =
  /** A call asks for a permit. `id` names it for good and is never used again. */
  | { readonly kind: 'asked'; readonly id: number; readonly lane: Lane }
  /** It no longer wants to go; without effect once it was admitted. */
  | { readonly kind: 'withdrawn'; readonly id: number }
  /** What became of an admitted call. Exactly once for each. */
  | { readonly kind: 'done'; readonly id: number; readonly outcome: Outcome }
  /** The cloud refused a call as one too many for this limit. */
  | { readonly kind: 'throttled'; readonly limit: LimitName }
  | { readonly kind: 'configured'; readonly limit: RateLimit }
  /** Somebody else may have called until now: nobody goes for one window. */
  | { readonly kind: 'taken-over' }
  /** The time of `wakeAt` has come, or nearly. */
  | { readonly kind: 'woken' };

interface PermitOut {
  readonly id: number;
  readonly lane: Lane;
  readonly admittedAt: number;
  /** Infinity while its call is out. */
  readonly freeAt: number;
}

/** One limit: what was configured, and what is left of it after refusals. */
interface Pace {
  /** The configured calls per second in force, and the larger one that waits for its window to pass. */
  readonly ceiling: number;
  readonly raise: { readonly to: number; readonly at: number } | undefined;
  /** Calls per second after halving and recovery, between `slowestPerSecond` and `ceiling`; may be a fraction. */
  readonly rate: number;
  readonly throttled: { readonly since: number; readonly halvedAt: number; readonly recoverAt: number } | undefined;
}
type Paces = Readonly<Record<LimitName, Pace>>;

export interface LimiterState {
  /** The latest `now` seen: time does not go back here. */
  readonly at: number;
  readonly paces: Paces;
  readonly spacing: RateLimit['spacing'];
  /** All permits are out until then. */
  readonly silentUntil: number;
  /** In order of admission. */
  readonly permits: readonly PermitOut[];
  /** Ids, in order of asking. */
  readonly waiting: Readonly<Record<Lane, readonly number[]>>;
  /** Permits in a row that went to others while these waited. */
  readonly passedOver: { readonly watch: number; readonly other: number };
}

interface LimiterStep {
  readonly state: LimiterState;
  /** These may go now, in this order. */
  readonly admitted: readonly { readonly id: number; readonly lane: Lane }[];
  /** When to come back with `woken`; undefined: only another event can let somebody go. Later than `now`. */
  readonly wakeAt: number | undefined;
}

/** A limiter at `now`, silent for one window unless it is certain that nobody called before it. */
export function startLimiter(limit: RateLimit, now: number, startsSilent = true): LimiterState {
  const start = (perSecond: number): Pace => {
    const ceiling = wholeRate(perSecond);
    return { ceiling, raise: undefined, rate: ceiling, throttled: undefined };
  };
  const { account, restart, list } = limitsOf(limit);
  return {
    at: now,
    paces: { account: start(account), restart: start(restart), list: start(list) },
    spacing: limit.spacing,
    silentUntil: startsSilent ? afterWindow(now) : now,
    permits: [],
    waiting: { restart: [], verify: [], poll: [], other: [] },
    passedOver: { watch: 0, other: 0 },
  };
}

/**
 * Takes what happened at `now` (monotonic milliseconds) and gives who may go. Throws on what only a mistake of ours
 * can ask for: a permit given back twice, a rate below 1, more calls waiting than `maxWaiting`.
 */
export function stepLimiter(state: LimiterState, now: number, event: LimiterEvent): LimiterStep {
  let next = take(advance(state, now), event);
  const admitted: { id: number; lane: Lane }[] = [];
  for (;;) {
    const opensAt = opening(next);
    const lane = nextLane(next, opensAt);
    const id = lane === undefined ? undefined : next.waiting[lane][0];
    if (lane === undefined || id === undefined) return { state: next, admitted, wakeAt: earliest(next, opensAt) };
    next = admit(next, id, lane);
    admitted.push({ id, lane });
  }
}

export function limiterSnapshot(state: LimiterState, now: number): GateSnapshot {
  const present = advance(state, now);
  const { restart, verify, poll, other } = present.waiting;
  const { paces, permits } = present;
  const limit = Math.floor(paces.account.rate);
  return {
    perSecond: limit,
    restartPerSecond: Math.floor(paces.restart.rate),
    listPerSecond: Math.floor(paces.list.rate),
    slowed: limitNames.flatMap((name) => slowed(name, paces[name], present.at)),
    queued: { restart: restart.length, verify: verify.length, poll: poll.length, other: other.length },
    permitsOut: present.at < present.silentUntil ? Math.max(limit, permits.length) : permits.length,
  };
}

/** Until whatever was sent is counted at the latest one window later; Infinity while a call is out. */
export function countedInMs(state: LimiterState, now: number): number {
  const { at, permits } = advance(state, now);
  return Math.max(0, ...permits.map(({ freeAt }) => freeAt - afterWindow(at)));
}

const limitNames = ['account', 'restart', 'list'] as const satisfies readonly LimitName[];

function slowed(limit: LimitName, { rate, ceiling, throttled }: Pace, at: number): GateSnapshot['slowed'] {
  if (throttled === undefined || rate >= ceiling) return [];
  return [{ limit, perSecond: Math.floor(rate), configured: ceiling, forMs: at - throttled.since }];
}

/**
 * One window after `now`, rounded up to whole milliseconds: those add and compare exactly, while a sum of fractions
 * may round to less than a window.
 */
function afterWindow(now: number): number {
  return Math.ceil(now) + windowMs + slewMs;
}

const limitsOf = ({ perSecond, restart, list }: RateLimit): Readonly<Record<LimitName, number>> => ({
  account: perSecond,
  restart: restart ?? perSecond,
  list: list ?? perSecond,
});

function wholeRate(limit: number): number {
  const perSecond = Math.floor(limit);
  if (!(perSecond >= slowestPerSecond && perSecond < Infinity)) {
    throw new Error(`a limit of ${limit} calls per second cannot be kept: it must be at least 1`);
  }
  return perSecond;
}

const each = (paces: Paces, change: (pace: Pace, name: LimitName) => Pace): Paces => ({
  account: change(paces.account, 'account'),
  restart: change(paces.restart, 'restart'),
  list: change(paces.list, 'list'),
});

/** What the mere passing of time does: permits come back, a raise comes into force, the rate recovers. */
function advance(state: LimiterState, now: number): LimiterState {
  const at = Math.max(now, state.at);
  const permits = state.permits.some((permit) => permit.freeAt <= at)
    ? state.permits.filter((permit) => permit.freeAt > at)
    : state.permits;
  return { ...state, at, permits, paces: each(state.paces, (pace) => paceAt(pace, at)) };
}

/** When it becomes another by the mere passing of time. */
const changesAt = ({ raise, throttled }: Pace): number =>
  Math.min(raise?.at ?? Infinity, throttled?.recoverAt ?? Infinity);

function paceAt(pace: Pace, at: number): Pace {
  if (changesAt(pace) > at) return pace;
  let { ceiling, raise, rate, throttled } = pace;
  if (raise !== undefined && raise.at <= at) {
    if (throttled === undefined) rate = raise.to;
    ceiling = raise.to;
    raise = undefined;
  }
  while (throttled !== undefined && throttled.recoverAt <= at) {
    rate = Math.min(ceiling, rate + ceiling * recoveryPart);
    throttled = rate < ceiling ? { ...throttled, recoverAt: throttled.recoverAt + recoveryEveryMs } : undefined;
  }
  return { ceiling, raise, rate, throttled };
}

function take(state: LimiterState, event: LimiterEvent): LimiterState {
  switch (event.kind) {
    case 'asked': {
      const { restart, verify, poll, other } = state.waiting;
      if (restart.length + verify.length + poll.length + other.length >= maxWaiting) {
        throw new Error(`more than ${maxWaiting} calls wait for a permit`);
      }
      return { ...state, waiting: { ...state.waiting, [event.lane]: [...state.waiting[event.lane], event.id] } };
    }
    case 'withdrawn': {
      const stay = (ids: readonly number[]) => (ids.includes(event.id) ? ids.filter((id) => id !== event.id) : ids);
      const { restart, verify, poll, other } = state.waiting;
      return {
        ...state,
        waiting: { restart: stay(restart), verify: stay(verify), poll: stay(poll), other: stay(other) },
      };
    }
    case 'done':
      return { ...state, permits: giveBack(state, event.id, event.outcome) };
    case 'throttled':
      return { ...state, paces: { ...state.paces, [event.limit]: slowDown(state.paces[event.limit], state.at) } };
    case 'configured':
      return reconfigure(state, event.limit);
    case 'taken-over':
      return { ...state, silentUntil: afterWindow(state.at) };
    case 'woken':
      return state;
    default:
      return event satisfies never;
  }
}

function giveBack(state: LimiterState, id: number, outcome: Outcome): readonly PermitOut[] {
  const permit = state.permits.find((one) => one.id === id);
  if (permit === undefined || permit.freeAt !== Infinity) throw new Error(`permit ${id} was given back twice`);
  const others = (freeAt: number) => state.permits.map((one) => (one === permit ? { ...one, freeAt } : one));
  switch (outcome) {
    case 'answered':
      return others(afterWindow(state.at));
    case 'lost':
      return others(Math.ceil(state.at) + lostHoldMs);
    case 'never-left':
    case 'unused':
      return state.permits.filter((one) => one !== permit);
    default:
      return outcome satisfies never;
  }
}

/**
 * Somebody else uses the quota too. Every refusal puts off the recovery; one a second halves. Beside a tool that uses
 * half of the quota the recovery of AWS' adaptive mode (CUBIC, β 0.7) has 20 times as many of our calls refused and
 * twice as many of the other's (test/cloud/limiter-shared.test.ts).
 */
function slowDown(pace: Pace, at: number): Pace {
  const { rate, throttled } = pace;
  const halves = throttled === undefined || at - throttled.halvedAt >= halvingEveryMs;
  return {
    ...pace,
    rate: halves ? Math.max(slowestPerSecond, rate / 2) : rate,
    throttled: {
      since: throttled?.since ?? at,
      halvedAt: halves ? at : throttled.halvedAt,
      recoverAt: at + recoveryEveryMs,
    },
  };
}

function reconfigure(state: LimiterState, limit: RateLimit): LimiterState {
  const wanted = limitsOf(limit);
  const paces = each(state.paces, (pace, name) => changeTo(pace, wholeRate(wanted[name]), state.at));
  return { ...state, spacing: limit.spacing, paces };
}

/** A smaller limit holds at once, a larger one when a window has passed, so that no second sees more than the smaller. */
function changeTo(pace: Pace, perSecond: number, at: number): Pace {
  if (perSecond <= pace.ceiling) {
    return { ...pace, ceiling: perSecond, rate: Math.min(pace.rate, perSecond), raise: undefined };
  }
  return pace.raise?.to === perSecond ? pace : { ...pace, raise: { to: perSecond, at: afterWindow(at) } };
}

/**
 * From when on the next call of each lane may go, as far as is known now: a limit that changes before that is looked
 * at again. Infinity: not before an event.
 */
function opening(state: LimiterState): Readonly<Record<Lane, number>> {
  const account = Math.max(state.silentUntil, roomAt(state, 'account'));
  const lists = Math.max(account, roomAt(state, 'list'));
  return { restart: Math.max(account, roomAt(state, 'restart')), verify: lists, poll: lists, other: account };
}

function roomAt({ paces, permits: all, spacing }: LimiterState, name: LimitName): number {
  const pace = paces[name];
  const permits = name === 'account' ? all : all.filter(({ lane }) => ownLimit[lane] === name);
  const limit = Math.floor(pace.rate);
  let permitAt = -Infinity;
  if (permits.length >= limit) {
    const freeAts = permits.map((permit) => permit.freeAt).sort((a, b) => a - b);
    permitAt = freeAts[permits.length - limit] ?? Infinity;
  }
  // A permit that came back unused is not among them: its call did not leave, so it keeps nobody at a distance.
  const last = permits.at(-1);
  const spacedAt = spacing === 'even' && last !== undefined ? last.admittedAt + windowMs / limit : -Infinity;
  return Math.min(changesAt(pace), Math.max(permitAt, spacedAt));
}

/** Whose turn it is among the lanes that have room: one whose action has none keeps no other waiting. */
function nextLane(
  { at, waiting, passedOver }: LimiterState,
  opensAt: Readonly<Record<Lane, number>>,
): Lane | undefined {
  const mayGo = (lane: Lane) => waiting[lane].length > 0 && opensAt[lane] <= at;
  const watch = mayGo('verify') ? 'verify' : mayGo('poll') ? 'poll' : undefined;
  const other = mayGo('other') ? 'other' : undefined;
  if (watch !== undefined && passedOver.watch >= watchPassedOverAtMost) return watch;
  if (other !== undefined && passedOver.other >= otherPassedOverAtMost) return other;
  return mayGo('restart') ? 'restart' : (watch ?? other);
}

/** When the first lane that waits has room. */
function earliest({ waiting }: LimiterState, opensAt: Readonly<Record<Lane, number>>): number | undefined {
  const when = (lane: Lane) => (waiting[lane].length > 0 ? opensAt[lane] : Infinity);
  const wakeAt = Math.min(when('restart'), when('verify'), when('poll'), when('other'));
  return wakeAt === Infinity ? undefined : wakeAt;
}

function admit(state: LimiterState, id: number, lane: Lane): LimiterState {
  const { at, permits, waiting, passedOver } = state;
  const watched = lane === 'verify' || lane === 'poll' || waiting.verify.length + waiting.poll.length === 0;
  const othered = lane === 'other' || waiting.other.length === 0;
  return {
    ...state,
    permits: [...permits, { id, lane, admittedAt: at, freeAt: Infinity }],
    waiting: { ...waiting, [lane]: waiting[lane].slice(1) },
    passedOver: { watch: watched ? 0 : passedOver.watch + 1, other: othered ? 0 : passedOver.other + 1 },
  };
}
