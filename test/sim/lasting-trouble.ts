/**
 * What a kind of lasting trouble of the law of non-interference is made of, and the kinds that come from the cloud's
 * answers: to restarts, to lists, and to looks. What it may cost others stands in `non-interference.ts`.
 */
import type { Policy } from '../../src/domain/words/policy.ts';
import type { Effect } from '../../src/simulator/faults.ts';
import type { Task } from '../../src/simulator/pretend-task.ts';
import { hour, minute, second } from './dice.ts';
import type { Replicas } from './replicas.ts';
import type { Stage, StageOptions } from './stage.ts';
import type { VirtualClock } from './virtual-clock.ts';

export const pollEveryMs = 15 * second;
/** Never given up, whatever it costs. */
export const forEver = Number.POSITIVE_INFINITY;

export interface Trouble {
  /** Begins, once, with each of those that have it; `place` is its number among them. */
  readonly begins?: (stage: Stage, taskId: string, place: number) => void;
  /** Happens again and again to each of them. */
  readonly everyMs?: number;
  readonly again?: (stage: Stage, taskId: string, turn: number, place: number) => void;
  /** Tasks that have it; absent: one. */
  readonly tasks?: readonly [least: number, most: number];
  /** They are all that is in their cloud group. */
  readonly ownCloudGroup?: boolean;
  /** The account's cloud groups are asked for by name. */
  readonly byGroups?: boolean;
  /** Why it looks like a common cause in its first minute: a turn of a storm's window is allowed then. */
  readonly atFirst?: string;
  /** The cloud says that the account calls too often, or an operator has every second permit. */
  readonly halvesRate?: boolean;
  /** The troubled is another account of the same process. */
  readonly beside?: (common: Omit<StageOptions, 'tasks'>) => Stage;
  /** Of the troubled, who are then of a group of their own. */
  readonly policy?: Partial<Policy>;
  /** Of a replica, or of what replicas share: there is none without them. Begins once, near a stop. */
  readonly befalls?: (replicas: Replicas, clock: VirtualClock) => void;
  /** What that may cost, beside what is nothing. */
  readonly costs?: {
    readonly ms: number;
    /** The next poll, and those that confirm the stop, are another's. */
    readonly polls?: boolean;
  };
}
export type Kinds = Readonly<Record<string, Trouble>>;

type Begins = NonNullable<Trouble['begins']>;

export const stop: Begins = (stage, taskId) => stage.act({ kind: 'stop', taskId });
export const live = (stage: Stage, taskId: string, life: Partial<Task['life']>) =>
  stage.act({ kind: 'edit', taskId, change: { life } });
export const both =
  (...all: readonly Begins[]): Begins =>
  (stage, taskId, place) => {
    for (const begins of all) begins(stage, taskId, place);
  };
/** What strikes the calls for it, or its items. */
export const faulty =
  (effect: Effect, action?: 'list' | 'restart'): Begins =>
  (stage, taskId) =>
    stage.fault({ effect, match: { taskId, ...(action && { action }) } });
/** What strikes the lists of its cloud group, where that is asked for. */
const unlisted =
  (effect: Effect): Begins =>
  (stage, _taskId, place) => {
    if (place === 0) stage.fault({ effect, match: { action: 'list', cloudGroup: 'troubled' } });
  };

/** Restarts are accepted in vain. */
export const dead = {
  begins: both((stage, taskId) => live(stage, taskId, { restartsInVain: forEver }), stop),
} satisfies Trouble;
export const flapping = (least: number, most: number): Trouble => ({
  begins: (stage, taskId) => live(stage, taskId, { survivesMs: [least, most] }),
});
/** They are stopped, and their restarts are answered so, for ever: each in its turn by another of the effects. */
export const struck = (...effects: readonly Effect[]): Trouble => ({
  begins: both((stage, taskId, place) => {
    const effect = effects[place % effects.length];
    if (effect) faulty(effect, 'restart')(stage, taskId, place);
  }, stop),
});
/** They are all of one cloud group. */
export const ofCloudGroup = (trouble: Trouble, least = 6, most = 12): Trouble => ({
  ...trouble,
  tasks: [least, most],
  ownCloudGroup: true,
});

export const error = (code: string) => ({ kind: 'error', code }) as const;
export const answers = (...codes: readonly string[]): Trouble => struck(...codes.map(error));
const silence = { kind: 'stall', when: 'before' } as const;
export const drip = { kind: 'drip', bytes: 16, everyMs: second } as const;
const stayAway = { 'Retry-After': '60' } as const;
export const backInAMinute = { ...error('ServiceUnavailableTemp'), headers: stayAway } as const;
const bare429 = { kind: 'answer', status: 429, body: '', headers: stayAway } as const;
const shows = (text: string) => faulty({ kind: 'status', text });

/** Its cloud group's list fails so, for ever; and it is stopped. */
const unlistable = (effect: Effect, atFirst?: string): Trouble => ({
  begins: both(stop, unlisted(effect)),
  tasks: [1, 4],
  byGroups: true,
  ...(atFirst === undefined ? {} : { atFirst }),
});
const hangs = 'whether a list hangs or the network is known after requestTimeout, and so of its halves';
const saysAccount = 'a list that says so of the account is asked for in parts by the next poll';
/** The list of all tasks is answered, and one that names the cloud group so. */
const unlooked = (effect: Effect): Trouble => ofCloudGroup({ begins: both(unlisted(effect), dead.begins) }, 1, 4);

/** They run for a minute or two, and the first restart of each outage is answered so. */
const struckEachTime = (code: string, least: number, most: number): Trouble => ({
  ...flapping(65 * second, 2 * minute),
  tasks: [least, most],
  everyMs: 10 * second,
  again: (stage, taskId) => {
    const { faults } = stage.world;
    const waits = faults.some(({ fault, struck }) => fault.match?.taskId === taskId && struck === 0);
    if (waits || stage.statusOf(taskId) !== '生效中') return;
    stage.fault({ effect: error(code), match: { action: 'restart', taskId }, count: 1 });
  },
});

/** Never given up, and tried again at once. */
const tireless: Partial<Policy> = {
  attempts: 1_000,
  backoff: { initialMs: second, factor: 1, maxMs: second, jitterPercent: 0, resetAfterMs: 10 * minute },
  budget: false,
  storm: false,
};

export const ofAnswers: Kinds = {
  'dead: restarts are accepted in vain': dead,
  throttled: answers('FlowLimitExceeded'),
  'several tasks throttled': { ...answers('FlowLimitExceeded'), tasks: [2, 4] },
  'asked to come back in a minute': struck(backInAMinute),
  auth: answers('InvalidAccessKey'),
  permission: answers('AccessDenied'),
  invalid: answers('InvalidParam'),
  server: answers('InternalError'),
  timeout: struck(silence),
  'several tasks, several answers': { ...answers('CommonErr', 'InternalError', 'SomethingNew'), tasks: [2, 4] },
  'several tasks, each of another account class': {
    ...answers('InvalidAccessKey', 'RequestForbidden.BillingStatus', 'InvalidTimestamp', 'InvalidActionOrVersion'),
    tasks: [2, 4],
  },
  'several tasks denied': { ...answers('AccessDenied'), tasks: [2, 4] },
  'unknown status': { begins: shows('启动中'), tasks: [1, 4] },
  'unknown status after a restart': {
    ...dead,
    tasks: [1, 4],
    everyMs: 16 * second,
    again: (stage, taskId, turn, place) => {
      if (turn === 0) shows('启动中')(stage, taskId, place);
    },
  },
  'a group that waits an hour for its restarts': { ...dead, tasks: [3, 6], policy: { verifyWithinMs: hour } },
  'malformed item': { begins: both(stop, faulty({ kind: 'malformed' })) },
  'a cloud group whose restarts are denied': ofCloudGroup(answers('AccessDenied')),
  'a cloud group whose restarts are not paid for': ofCloudGroup(answers('RequestForbidden.BillingStatus')),
  'a cloud group whose restarts are throttled': ofCloudGroup(answers('FlowLimitExceeded')),
  'a cloud group whose restarts fail inside': ofCloudGroup(answers('InternalError', 'CommonErr', 'SomethingNew')),
  'a cloud group whose restarts are not answered': ofCloudGroup(struck(silence)),
  'unlistable group': unlistable(error('InternalError')),
  'unlistable group: the connection breaks': unlistable({ kind: 'reset', when: 'before' }),
  'unlistable group: no answer': unlistable(silence, hangs),
  'unlistable group: throttled': unlistable(error('FlowLimitExceeded'), saysAccount),
  'unlistable group: not paid for': unlistable(error('RequestForbidden.BillingStatus'), saysAccount),
  'unlistable group: asked to come back in a minute': unlistable(backInAMinute),
};

/** They go the way of one of those with another code, or are of many tasks: `npm test` leaves them out. */
export const ofMoreAnswers: Kinds = {
  'throttled for the account': answers('AccountFlowLimitExceeded'),
  quota: answers('RequestLimitExceeded'),
  forbidden: answers('LackProjectPolicy'),
  billing: answers('RequestForbidden.BillingStatus'),
  clock: answers('InvalidTimestamp'),
  retired: answers('InvalidActionOrVersion'),
  'not-found': answers('ResourceNotFound'),
  common: answers('CommonErr'),
  network: struck({ kind: 'reset', when: 'before' }),
  unknown: answers('SomethingNew'),
  'a cloud group whose restarts are forbidden': ofCloudGroup(answers('LackProjectPolicy')),
  'a cloud group whose key is wrong': ofCloudGroup(answers('SignatureDoesNotMatch')),
  'a cloud group over quota': ofCloudGroup(answers('RequestLimitExceeded')),
  'unlistable group: denied': unlistable(error('AccessDenied')),
  'unlistable group: not found': unlistable(error('ResourceNotFound')),
  'unlistable group: CommonErr': unlistable(error('CommonErr')),
  'unlistable group: half an answer': unlistable({ kind: 'truncate' }),
  'unlistable group: its key is wrong': unlistable(error('InvalidAccessKey'), saysAccount),
  'unlistable group: a bare 429, and asked to come back in a minute': {
    ...unlistable(bare429, saysAccount),
    halvesRate: true,
  },
  'unlistable group: throttled for the account': {
    ...unlistable(error('AccountFlowLimitExceeded'), saysAccount),
    halvesRate: true,
  },
  'unlistable group: byte by byte': unlistable(drip, hangs),
  'a cloud group whose tasks are all dead': ofCloudGroup(dead, 20, 60),
  'half of all tasks dead, and never given up': { ...dead, tasks: [20, 40], policy: { attempts: 1_000 } },
  'a dozen tasks dead': ofCloudGroup(dead),
  'restarts refused, and tried again every second': {
    ...answers('LackProjectPolicy'),
    tasks: [6, 12],
    policy: tireless,
  },
  'restarts never answered, and tried again every second': { ...struck(silence), tasks: [6, 12], policy: tireless },
  'fifty tasks whose restarts are not answered': {
    ...struck(silence),
    tasks: [40, 60],
    policy: { attempts: 2, storm: false, quarantine: { retryEveryMs: minute, abandonAfterMs: 72 * hour } },
  },
  'a group that waits a day for its restarts': { ...dead, tasks: [3, 6], policy: { verifyWithinMs: 24 * hour } },
  'answered after 9.8 s': { ...struck({ kind: 'slow-down', ms: [9_700, 9_700] }), tasks: [1, 6] },
  'answered byte by byte': struck(drip),
  'asked by a bare 429 to stay away for a minute': struck(bare429),
  'a cloud group that is asked by a bare 429 to stay away for a minute': ofCloudGroup(struck(bare429)),
  'several tasks throttled for the account': { ...answers('AccountFlowLimitExceeded'), tasks: [2, 4] },
  'throttled at each outage': struckEachTime('FlowLimitExceeded', 1, 4),
  'its key is wrong at each outage': struckEachTime('InvalidAccessKey', 1, 4),
  'denied at each outage': struckEachTime('AccessDenied', 1, 4),
  'CommonErr at each outage': struckEachTime('CommonErr', 2, 6),
  'a status that is another at every poll': {
    begins: stop,
    tasks: [1, 4],
    everyMs: pollEveryMs,
    again: (stage, taskId, turn, place) => {
      if (place === 0) stage.world.faults.splice(0);
      shows(`启动中${turn}`)(stage, taskId, place);
    },
  },
  'many whose key is wrong': { ...answers('InvalidAccessKey'), tasks: [6, 12] },
  'many asked by a bare 429 to stay away for a minute': { ...struck(bare429), tasks: [6, 12] },
  'a cloud group whose looks are asked to stay away': unlooked(backInAMinute),
  'a cloud group whose looks are not answered': unlooked(silence),
  'a cloud group whose looks are throttled for the account': {
    ...unlooked(error('AccountFlowLimitExceeded')),
    halvesRate: true,
  },
  'a cloud group whose list hangs every other minute': {
    begins: stop,
    tasks: [1, 4],
    byGroups: true,
    everyMs: minute,
    again: (stage, taskId, turn, place) => {
      if (place === 0) stage.world.faults.splice(0);
      if (turn % 2 === 0) unlisted(silence)(stage, taskId, place);
    },
  },
};
