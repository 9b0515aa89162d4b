/** What a kind of lasting trouble of the law of non-interference is made of: what begins it, and what keeps it going. */
import type { Policy } from '../../src/domain/words/policy.ts';
import type { Effect } from '../../src/simulator/faults.ts';
import type { Task } from '../../src/simulator/pretend-task.ts';
import { minute, second } from './dice.ts';
import type { Replicas } from './replicas.ts';
import { Stage, type StageOptions, tasks as tasksNamed } from './stage.ts';
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
export const unlisted =
  (effect: Effect): Begins =>
  (stage, _taskId, place) => {
    if (place === 0) stage.fault({ effect, match: { action: 'list', cloudGroup: 'troubled' } });
  };

/** Restarts are accepted in vain. */
export const dead: Trouble = {
  begins: both((stage, taskId) => live(stage, taskId, { restartsInVain: forEver }), stop),
};
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
export const several = (trouble: Trouble, least: number, most: number, policy?: Partial<Policy>): Trouble => ({
  ...trouble,
  tasks: [least, most],
  ...(policy && { policy }),
});
/** They are all of one cloud group. */
export const ofCloudGroup = (trouble: Trouble, least = 6, most = 12): Trouble => ({
  ...several(trouble, least, most),
  ownCloudGroup: true,
});
export const again = (
  everyMs: number,
  act: NonNullable<Trouble['again']>,
  trouble: Trouble = { begins: stop },
): Trouble => ({
  ...trouble,
  everyMs,
  again: act,
});
export const halving = (trouble: Trouble): Trouble => ({ ...trouble, halvesRate: true });

export const error = (code: string) => ({ kind: 'error', code }) as const;
export const answers = (...codes: readonly string[]): Trouble => struck(...codes.map(error));
export const silence = { kind: 'stall', when: 'before' } as const;
export const drip = { kind: 'drip', bytes: 16, everyMs: second } as const;
const stayAway = { 'Retry-After': '60' } as const;
export const backInAMinute = { ...error('ServiceUnavailableTemp'), headers: stayAway } as const;
export const bare429 = { kind: 'answer', status: 429, body: '', headers: stayAway } as const;
export const shows = (text: string) => faulty({ kind: 'status', text });

/** Its cloud group's list fails so, for ever; and it is stopped. */
export const unlistable = (effect: Effect, atFirst?: string): Trouble => ({
  begins: both(stop, unlisted(effect)),
  tasks: [1, 4],
  byGroups: true,
  ...(atFirst === undefined ? {} : { atFirst }),
});
export const hangs = 'whether a list hangs or the network is known after requestTimeout, and so of its halves';
export const saysAccount = 'a list that says so of the account is asked for in parts by the next poll';
/** The list of all tasks is answered, and one that names the cloud group so. */
export const unlooked = (effect: Effect): Trouble =>
  ofCloudGroup({ begins: both(unlisted(effect), dead.begins ?? stop) }, 1, 4);

/** They run for a minute or two, and the first restart of each outage is answered so. */
export const struckEachTime = (code: string, least: number, most: number): Trouble =>
  several(
    again(
      10 * second,
      (stage, taskId) => {
        const { faults } = stage.world;
        const waits = faults.some(({ fault, struck }) => fault.match?.taskId === taskId && struck === 0);
        if (waits || stage.statusOf(taskId) !== '生效中') return;
        stage.fault({ effect: error(code), match: { action: 'restart', taskId }, count: 1 });
      },
      flapping(65 * second, 2 * minute),
    ),
    least,
    most,
  );

/** An operator asks for restarts of the first of them, or of each. */
export const byHand = (everyMs: number, trouble: Trouble, hands = 1, ofEach = false): Trouble =>
  again(
    everyMs,
    ({ keeper }, taskId, _turn, place) => {
      for (let i = 0; i < hands && (ofEach || place === 0); i++)
        void keeper.operator.restart(taskId, 'eve', true).catch(() => {});
    },
    trouble,
  );

/** A hold comes with every turn, or comes and goes. */
export const holding = (everyMs: number, ofGroup: boolean): Trouble =>
  again(
    everyMs,
    (stage, taskId, turn, place) => {
      if (place > 0) return;
      const at = stage.clock.now();
      const about = { at, account: 'main' } as const;
      const target = ofGroup ? ({ kind: 'group', group: 'troubled' } as const) : ({ kind: 'task', taskId } as const);
      const id = ofGroup ? `g${turn}` : `h${Math.floor(turn / 2)}`;
      const endsAt = ofGroup ? at + minute : undefined;
      const hold = { id, account: 'main', target, author: 'eve', reason: 'repair', createdAt: at, endsAt };
      const goes = !ofGroup && turn % 2 === 1;
      const change = goes ? ({ type: 'hold-removed', by: 'eve' } as const) : ({ type: 'hold-added' } as const);
      void stage.keeper.operator.changeHold({ ...about, ...change, hold }).catch(() => {});
    },
    dead,
  );

export const toAndFro = again(pollEveryMs, (stage, taskId, turn) =>
  stage.act({ kind: 'edit', taskId, change: { cloudGroup: turn % 2 === 0 ? 'vip' : 'troubled' } }),
);

/** In its place there is another at every poll, which is stopped and stays so. */
export const anew = (name: (taskId: string, turn: number) => string): Trouble =>
  again(
    pollEveryMs,
    (stage, taskId, turn) => {
      const before = turn === 0 ? taskId : name(taskId, turn - 1);
      const task = stage.world.tasks.get(before);
      if (!task) return;
      const { cloudGroup, title, startsAt, endsAt } = task;
      stage.act({ kind: 'delete', taskId: before });
      const plan = { cloudGroup, title, startsAt, endsAt, stopped: true, life: { restartsInVain: forEver } };
      stage.act({ kind: 'create', task: { ...plan, taskId: name(taskId, turn) } });
    },
    {},
  );

/** A second item with the same id, which runs, in another cloud group. */
export const inTwo = both((stage, taskId) => {
  const task = stage.world.tasks.get(taskId);
  if (task) stage.world.tasks.set(`${taskId} again`, { ...task, cloudGroup: 'vip' });
  stage.world.listings.clear();
}, stop);

/** Another account, of so many tasks. */
export const other = (
  count: number,
  of: Parameters<typeof tasksNamed>[1],
  effect?: Effect,
  action?: 'list',
): Trouble => ({
  beside: (common) => {
    const stage = new Stage({ ...common, tasks: tasksNamed(count, of) });
    if (effect) stage.fault({ effect, match: { ...(action && { action }) } });
    return stage;
  },
});

/** Never given up, and tried again at once. */
export const tireless: Partial<Policy> = {
  attempts: 1_000,
  backoff: { initialMs: second, factor: 1, maxMs: second, jitterPercent: 0, resetAfterMs: 10 * minute },
  budget: false,
  storm: false,
};
