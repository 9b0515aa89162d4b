/**
 * The kinds of lasting trouble of the law of non-interference: of one task, one cloud group, one operator, another account
 * of the process, or one of several replicas. What they may cost others stands in `non-interference.ts`.
 */
import type { Policy } from '../../src/domain/words/policy.ts';
import type { Effect, Fault } from '../../src/simulator/faults.ts';
import type { Task } from '../../src/simulator/pretend-task.ts';
import { terms } from '../../src/store/postgres/lease.ts';
import { begin } from '../domain/story.ts';
import { lockWithinMs } from './database.ts';
import { hour, minute, second } from './dice.ts';
import type { Life } from './life.ts';
import { partner, type Replicas } from './replicas.ts';
import { Stage, type StageOptions, tasks as tasksNamed } from './stage.ts';
import type { VirtualClock } from './virtual-clock.ts';

export const pollEveryMs = 15 * second;
/** Never given up, whatever it costs. */
const forEver = Number.POSITIVE_INFINITY;

interface Trouble {
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
type Again = NonNullable<Trouble['again']>;

const some = (trouble: Trouble, least = 1, most = 4): Trouble => ({ ...trouble, tasks: [least, most] });
const many = (trouble: Trouble): Trouble => some(trouble, 6, 12);
/** They are all of one cloud group. */
const ofCloudGroup = (trouble: Trouble, least = 6, most = 12): Trouble => ({
  ...some(trouble, least, most),
  ownCloudGroup: true,
});
const halving = (trouble: Trouble): Trouble => ({ ...trouble, halvesRate: true });
const every = (everyMs: number, again: Again, trouble: Trouble = {}): Trouble => ({ ...trouble, everyMs, again });
/** Once for all of them. */
const once =
  (again: Again): Again =>
  (stage, taskId, turn, place) => {
    if (place === 0) again(stage, taskId, turn, place);
  };

// ---- how a task, or its cloud group, is struck -----------------------------------------------------------------------

const stop: Begins = (stage, taskId) => stage.act({ kind: 'stop', taskId });
const lives =
  (life: Partial<Task['life']>): Begins =>
  (stage, taskId) =>
    stage.act({ kind: 'edit', taskId, change: { life } });
const both =
  (...all: readonly Begins[]): Begins =>
  (stage, taskId, place) => {
    for (const begins of all) begins(stage, taskId, place);
  };
/** What strikes the calls for it, or its items. */
const faulty =
  (effect: Effect, action?: 'list' | 'restart'): Begins =>
  (stage, taskId) =>
    stage.fault({ effect, match: { taskId, ...(action && { action }) } });
/** What strikes the lists of its cloud group, where that is asked for. */
const unlisted =
  (effect: Effect): Begins =>
  (stage, _taskId, place) => {
    if (place === 0) stage.fault({ effect, match: { action: 'list', cloudGroup: 'troubled' } });
  };
const healthyAgain = once(({ world }) => world.faults.splice(0));

/** Restarts are accepted in vain. */
const dead = { begins: both(lives({ restartsInVain: forEver }), stop) } satisfies Trouble;
const flapping = (least: number, most: number): Trouble => ({ begins: lives({ survivesMs: [least, most] }) });
/** They are stopped, and their restarts are answered so, for ever: each in its turn by another of the effects. */
const struck = (...effects: readonly Effect[]): Trouble => ({
  begins: both((stage, taskId, place) => {
    const effect = effects[place % effects.length];
    if (effect) faulty(effect, 'restart')(stage, taskId, place);
  }, stop),
});

const error = (code: string) => ({ kind: 'error', code }) as const;
const answers = (...codes: readonly string[]): Trouble => struck(...codes.map(error));
const silence = { kind: 'stall', when: 'before' } as const;
const drip = { kind: 'drip', bytes: 16, everyMs: second } as const;
const stayAway = { 'Retry-After': '60' } as const;
const backInAMinute = { ...error('ServiceUnavailableTemp'), headers: stayAway } as const;
const bare429 = { kind: 'answer', status: 429, body: '', headers: stayAway } as const;
const shows = (text: string) => faulty({ kind: 'status', text });

/** Its cloud group's list fails so, for ever; and it is stopped. */
const unlistable = (effect: Effect, atFirst?: string): Trouble => ({
  ...some({ begins: both(stop, unlisted(effect)), byGroups: true }),
  ...(atFirst === undefined ? {} : { atFirst }),
});
const hangs = 'whether a list hangs or the network is known after requestTimeout, and so of its halves';
const saysAccount = 'a list that says so of the account is asked for in parts by the next poll';
/** The list of all tasks is answered, and one that names the cloud group so. */
const unlooked = (effect: Effect): Trouble => ofCloudGroup({ begins: both(unlisted(effect), dead.begins) }, 1, 4);

/** They run for a minute or two, and the first restart of each outage is answered so. */
const struckEachTime = (code: string): Trouble =>
  every(
    10 * second,
    (stage, taskId) => {
      const { faults } = stage.world;
      const waits = faults.some(({ fault, struck }) => fault.match?.taskId === taskId && struck === 0);
      if (waits || stage.statusOf(taskId) !== '生效中') return;
      stage.fault({ effect: error(code), match: { action: 'restart', taskId }, count: 1 });
    },
    flapping(65 * second, 2 * minute),
  );

/** Never given up, and tried again at once. */
const tireless: Partial<Policy> = {
  attempts: 1_000,
  backoff: { initialMs: second, factor: 1, maxMs: second, jitterPercent: 0, resetAfterMs: 10 * minute },
  budget: false,
  storm: false,
};

// ---- what people, other tools and other accounts do --------------------------------------------------------------------

/** An operator asks for restarts of the first of them, or of each. */
const byHand = (everyMs: number, trouble: Trouble, hands = 1, ofEach = false): Trouble =>
  every(
    everyMs,
    ({ keeper }, taskId, _turn, place) => {
      for (let i = 0; i < hands && (ofEach || place === 0); i++)
        void keeper.operator.restart(taskId, 'eve', true).catch(() => {});
    },
    trouble,
  );

/** A hold comes with every turn, or comes and goes. */
const holding = (everyMs: number, ofGroup: boolean): Trouble =>
  every(
    everyMs,
    once((stage, taskId, turn) => {
      const at = stage.clock.now();
      const about = { at, account: 'main' } as const;
      const target = ofGroup ? ({ kind: 'group', group: 'troubled' } as const) : ({ kind: 'task', taskId } as const);
      const id = ofGroup ? `g${turn}` : `h${Math.floor(turn / 2)}`;
      const endsAt = ofGroup ? at + minute : undefined;
      const hold = { id, account: 'main', target, author: 'eve', reason: 'repair', createdAt: at, endsAt };
      const goes = !ofGroup && turn % 2 === 1;
      const change = goes ? ({ type: 'hold-removed', by: 'eve' } as const) : ({ type: 'hold-added' } as const);
      void stage.keeper.operator.changeHold({ ...about, ...change, hold }).catch(() => {});
    }),
    dead,
  );

const toAndFro = every(
  pollEveryMs,
  (stage, taskId, turn) =>
    stage.act({ kind: 'edit', taskId, change: { cloudGroup: turn % 2 === 0 ? 'vip' : 'troubled' } }),
  { begins: stop },
);

/** In its place there is another at every poll, which is stopped and stays so. */
const anew = (name: (taskId: string, turn: number) => string): Trouble =>
  every(pollEveryMs, (stage, taskId, turn) => {
    const before = turn === 0 ? taskId : name(taskId, turn - 1);
    const task = stage.world.tasks.get(before);
    if (!task) return;
    const { cloudGroup, title, startsAt, endsAt } = task;
    stage.act({ kind: 'delete', taskId: before });
    const plan = { cloudGroup, title, startsAt, endsAt, stopped: true, life: { restartsInVain: forEver } };
    stage.act({ kind: 'create', task: { ...plan, taskId: name(taskId, turn) } });
  });

/** A second item with the same id, which runs, in another cloud group. */
const inTwo = both((stage, taskId) => {
  const task = stage.world.tasks.get(taskId);
  if (task) stage.world.tasks.set(`${taskId} again`, { ...task, cloudGroup: 'vip' });
  stage.world.listings.clear();
}, stop);

/** Another account, of so many tasks. */
const other = (
  count: number,
  of: Parameters<typeof tasksNamed>[1],
  { world, fault }: { world?: StageOptions['world']; fault?: Fault } = {},
): Trouble => ({
  beside: (common) => {
    const stage = new Stage({ ...common, tasks: tasksNamed(count, of), ...(world && { world }) });
    if (fault) stage.fault(fault);
    return stage;
  },
});

// ---- what befalls replicas -------------------------------------------------------------------------------------------

const often = 2 * minute;
const repeat = (clock: VirtualClock, everyMs: number, act: () => void): void => {
  act();
  clock.after(everyMs, () => repeat(clock, everyMs, act));
};

const lost = (life: Life) => life.die();
const stopped = (forMs: number) => (life: Life, clock: VirtualClock) => {
  life.pause();
  clock.after(forMs, () => life.goOn());
};
const cutOff = (forMs: number) => (life: Life, clock: VirtualClock) => {
  life.machine.cutOffUntil = clock.monotonic() + forMs;
};

/** What befalls the replica that has the account, or one that has not. */
const replica = (
  which: Parameters<Replicas['whose']>[0],
  does: (life: Life, clock: VirtualClock) => void,
  costs: Trouble['costs'],
  everyMs = forEver,
): Trouble => ({
  befalls: (replicas, clock) => repeat(clock, everyMs, () => does(replicas.whose(which), clock)),
  costs,
});

/** It was lost with its lease, and is taken over. */
const takenOver = { ms: terms.leaseMs + 5 * second, polls: true } as const;
/** A replica that comes back is given an account, of whichever has one more than it should. */
const handedOver = { ms: 2 * second, polls: true } as const;
const nothing = { ms: 0 } as const;
/** Once: a save that is refused for one of several is tried again for each alone, and that one may come first. */
const firstRefused = { ms: 2 * lockWithinMs } as const;

/**
 * An account, in the process of the healthy ones', whose tasks are edited and stop and are restarted all the time, so that
 * it saves at every poll and often in between.
 */
const neighbour = (befalls: Trouble['befalls'], costs: Trouble['costs'], count = 20): Trouble => ({
  beside: (common) => {
    const stage = new Stage({ ...common, tasks: tasksNamed(count, { life: { survivesMs: [minute, 20 * minute] } }) });
    const edit = () => {
      const title = `title${Math.round(stage.seconds)}`;
      for (const taskId of stage.world.tasks.keys()) stage.act({ kind: 'edit', taskId, change: { title } });
    };
    stage.clock.after(pollEveryMs / 2, () => repeat(stage.clock, pollEveryMs, edit));
    return stage;
  },
  befalls,
  costs,
});

// ---- the kinds -------------------------------------------------------------------------------------------------------

export const kinds: Readonly<Record<string, Trouble>> = {
  // Answers to restarts of a task or a few.
  'dead: restarts are accepted in vain': dead,
  throttled: answers('FlowLimitExceeded'),
  'several tasks throttled': some(answers('FlowLimitExceeded'), 2),
  'throttled for the account': answers('AccountFlowLimitExceeded'),
  'several tasks throttled for the account': some(answers('AccountFlowLimitExceeded'), 2),
  quota: answers('RequestLimitExceeded'),
  'asked to come back in a minute': struck(backInAMinute),
  'asked by a bare 429 to stay away for a minute': struck(bare429),
  'many asked by a bare 429 to stay away for a minute': many(struck(bare429)),
  auth: answers('InvalidAccessKey'),
  'many whose key is wrong': many(answers('InvalidAccessKey')),
  permission: answers('AccessDenied'),
  'several tasks denied': some(answers('AccessDenied'), 2),
  forbidden: answers('LackProjectPolicy'),
  billing: answers('RequestForbidden.BillingStatus'),
  clock: answers('InvalidTimestamp'),
  retired: answers('InvalidActionOrVersion'),
  invalid: answers('InvalidParam'),
  'not-found': answers('ResourceNotFound'),
  server: answers('InternalError'),
  common: answers('CommonErr'),
  unknown: answers('SomethingNew'),
  network: struck({ kind: 'reset', when: 'before' }),
  timeout: struck(silence),
  'answered after 9.8 s': some(struck({ kind: 'slow-down', ms: [9_700, 9_700] }), 1, 6),
  'answered byte by byte': struck(drip),
  'several tasks, several answers': some(answers('CommonErr', 'InternalError', 'SomethingNew'), 2),
  'several tasks, each of another account class': some(
    answers('InvalidAccessKey', 'RequestForbidden.BillingStatus', 'InvalidTimestamp', 'InvalidActionOrVersion'),
    2,
  ),
  'throttled at each outage': some(struckEachTime('FlowLimitExceeded')),
  'its key is wrong at each outage': some(struckEachTime('InvalidAccessKey')),
  'denied at each outage': some(struckEachTime('AccessDenied')),
  'CommonErr at each outage': some(struckEachTime('CommonErr'), 2, 6),

  // Answers to restarts of a cloud group, or of many.
  'a cloud group whose restarts are denied': ofCloudGroup(answers('AccessDenied')),
  'a cloud group whose restarts are forbidden': ofCloudGroup(answers('LackProjectPolicy')),
  'a cloud group whose restarts are not paid for': ofCloudGroup(answers('RequestForbidden.BillingStatus')),
  'a cloud group whose key is wrong': ofCloudGroup(answers('SignatureDoesNotMatch')),
  'a cloud group over quota': ofCloudGroup(answers('RequestLimitExceeded')),
  'a cloud group whose restarts are throttled': ofCloudGroup(answers('FlowLimitExceeded')),
  'a cloud group that is asked by a bare 429 to stay away for a minute': ofCloudGroup(struck(bare429)),
  'a cloud group whose restarts fail inside': ofCloudGroup(answers('InternalError', 'CommonErr', 'SomethingNew')),
  'a cloud group whose restarts are not answered': ofCloudGroup(struck(silence)),
  'a cloud group whose tasks are all dead': ofCloudGroup(dead, 20, 60),
  'a dozen tasks dead': ofCloudGroup(dead),
  'half of all tasks dead, and never given up': { ...some(dead, 20, 40), policy: { attempts: 1_000 } },
  'restarts refused, and tried again every second': { ...many(answers('LackProjectPolicy')), policy: tireless },
  'restarts never answered, and tried again every second': { ...many(struck(silence)), policy: tireless },
  'fifty tasks whose restarts are not answered': {
    ...some(struck(silence), 40, 60),
    policy: { attempts: 2, storm: false, quarantine: { retryEveryMs: minute, abandonAfterMs: 72 * hour } },
  },
  'a group that waits an hour for its restarts': { ...some(dead, 3, 6), policy: { verifyWithinMs: hour } },
  'a group that waits a day for its restarts': { ...some(dead, 3, 6), policy: { verifyWithinMs: 24 * hour } },

  // What lists and looks show, or fail with.
  'unknown status': some({ begins: shows('启动中') }),
  'unknown status after a restart': every(
    16 * second,
    (stage, taskId, turn, place) => {
      if (turn === 0) shows('启动中')(stage, taskId, place);
    },
    some(dead),
  ),
  'a status that is another at every poll': every(
    pollEveryMs,
    (stage, taskId, turn, place) => {
      healthyAgain(stage, taskId, turn, place);
      shows(`启动中${turn}`)(stage, taskId, place);
    },
    some({ begins: stop }),
  ),
  'malformed item': { begins: both(stop, faulty({ kind: 'malformed' })) },
  'unlistable group': unlistable(error('InternalError')),
  'unlistable group: CommonErr': unlistable(error('CommonErr')),
  'unlistable group: denied': unlistable(error('AccessDenied')),
  'unlistable group: not found': unlistable(error('ResourceNotFound')),
  'unlistable group: not paid for': unlistable(error('RequestForbidden.BillingStatus'), saysAccount),
  'unlistable group: its key is wrong': unlistable(error('InvalidAccessKey'), saysAccount),
  'unlistable group: throttled': unlistable(error('FlowLimitExceeded'), saysAccount),
  'unlistable group: throttled for the account': halving(unlistable(error('AccountFlowLimitExceeded'), saysAccount)),
  'unlistable group: asked to come back in a minute': unlistable(backInAMinute),
  'unlistable group: a bare 429, and asked to come back in a minute': halving(unlistable(bare429, saysAccount)),
  'unlistable group: the connection breaks': unlistable({ kind: 'reset', when: 'before' }),
  'unlistable group: half an answer': unlistable({ kind: 'truncate' }),
  'unlistable group: no answer': unlistable(silence, hangs),
  'unlistable group: byte by byte': unlistable(drip, hangs),
  'a cloud group whose list hangs every other minute': every(
    minute,
    (stage, taskId, turn, place) => {
      healthyAgain(stage, taskId, turn, place);
      if (turn % 2 === 0) unlisted(silence)(stage, taskId, place);
    },
    some({ begins: stop, byGroups: true }),
  ),
  'a cloud group whose looks are asked to stay away': unlooked(backInAMinute),
  'a cloud group whose looks are not answered': unlooked(silence),
  'a cloud group whose looks are throttled for the account': halving(unlooked(error('AccountFlowLimitExceeded'))),

  // What the tasks do.
  'endless flapping': some(flapping(5 * second, 90 * second)),
  'a hundred that flap': ofCloudGroup(flapping(5 * second, 90 * second), 80, 120),
  'dozens that run a minute or two': ofCloudGroup(flapping(65 * second, 150 * second), 24, 48),
  'another tool restarts it too': some(
    { begins: lives({ survivesMs: [5 * second, 40 * second], returnsInMs: [second, 20 * second] }) },
    1,
    6,
  ),
  'refused, while another tool restarts it': some(
    {
      begins: both(
        faulty(error('CommonErr'), 'restart'),
        lives({ survivesMs: [5 * second, 90 * second], returnsInMs: [second, 60 * second] }),
      ),
    },
    2,
    6,
  ),
  'its EndTime comes near and goes': every(
    pollEveryMs,
    (stage, taskId, turn) => {
      const endsAt = turn % 2 === 0 ? stage.clock.now() + 50 * second : begin + 6 * 24 * hour;
      stage.act({ kind: 'edit', taskId, change: { endsAt } });
    },
    some(dead),
  ),
  'a title that is a megabyte': {
    begins: both((stage, taskId) => {
      const task = stage.world.tasks.get(taskId);
      if (task) task.title = 'x'.repeat(1_000_000);
    }, stop),
  },
  'edited at every poll': every(
    pollEveryMs,
    (stage, taskId, turn) => {
      const change = { sources: [`rtmp://pull.example.com/${turn}`], title: `title${turn}` };
      stage.act({ kind: 'edit', taskId, change });
    },
    { begins: stop },
  ),
  'made anew at every poll': ofCloudGroup(anew((taskId, turn) => `${taskId}n${turn}`)),
  'an id that changes its case': some(anew((taskId, turn) => (turn % 2 === 0 ? taskId.toUpperCase() : taskId))),
  'a cloud group that comes and goes': ofCloudGroup(
    every(pollEveryMs, (stage, taskId, turn) => {
      const times = { startsAt: begin - hour, endsAt: begin + 6 * 24 * hour };
      const task = { ...times, taskId, title: taskId, cloudGroup: 'troubled', stopped: true };
      stage.act(turn % 2 === 0 ? { kind: 'delete', taskId } : { kind: 'create', task });
    }),
    1,
  ),
  'moved to and fro': toAndFro,
  'moved to and fro between cloud groups that are asked for by name': { ...toAndFro, byGroups: true },
  'a task of two cloud groups': ofCloudGroup({ begins: inTwo }, 1, 4),
  'a task of two cloud groups that are asked for by name': some({ begins: inTwo, byGroups: true }),

  // What operators do.
  'a hold that comes and goes': holding(10 * second, false),
  'a hold of its group that expires every minute': ofCloudGroup(holding(20 * second, true), 1, 6),
  'an operator who restarts it in a loop': byHand(7 * second, dead),
  'an operator who restarts it with ten hands': halving(byHand(second, dead, 10)),
  'an operator who restarts fifty every minute': {
    ...halving(ofCloudGroup(byHand(minute, dead, 1, true), 40, 60)),
    policy: { attempts: 1 },
  },
  'throttled, and restarted by an operator every second': halving(byHand(second, answers('FlowLimitExceeded'))),
  'asked to stay away for a minute, and restarted by an operator every second': halving(
    byHand(second, struck(backInAMinute)),
  ),
  'many denied, and one restarted by an operator every second': halving(many(byHand(second, answers('AccessDenied')))),

  // Another account of the process.
  'another account: its key is wrong': other(
    20,
    {},
    { world: { keys: [{ accessKeyId: 'another', secretAccessKey: 'x' }] } },
  ),
  'another account: its endpoint drips': other(20, { stopped: true }, { fault: { effect: drip } }),
  'another account: each of its lists takes 9 s': other(
    20,
    { stopped: true },
    { fault: { effect: { kind: 'slow-down', ms: [9_000, 9_000] }, match: { action: 'list' } } },
  ),
  'another account: its list is 2,000 long': other(2_000, {}),
  'another account: all of its tasks are down for ever': other(100, {
    stopped: true,
    life: { restartsInVain: forEver },
  }),

  // What only several replicas on one database can have. What befalls an account is its neighbour's in the same process.
  'another replica is lost': replica('another', lost, nothing),
  'another replica is stopped for ever': replica('another', stopped(forEver), nothing),
  'another replica is cut off from the database': replica('another', cutOff(forEver), nothing),
  'another replica is stopped for 20 s, often': replica('another', stopped(20 * second), nothing, often),
  'another replica is stopped for 50 s, often': replica('another', stopped(50 * second), handedOver, often),
  'another replica is cut off for 50 s, often': replica('another', cutOff(50 * second), handedOver, often),
  'its replica is lost': replica('its own', lost, takenOver),
  'its replica is stopped for ever': replica('its own', stopped(forEver), takenOver),
  'its replica is cut off from the database': replica('its own', cutOff(forEver), takenOver),
  'its replica is stopped for 50 s, often': replica('its own', stopped(50 * second), takenOver, often),
  'its replica is cut off for 50 s, often': replica('its own', cutOff(50 * second), takenOver, often),
  'its replica is stopped for 5 s, often': replica('its own', stopped(5 * second), { ms: 5 * second }, 20 * second),
  'an account of its replica: its rows are locked': neighbour(
    ({ database }) => database.heavy.set(partner, 'locked'),
    firstRefused,
  ),
  'an account of its replica: what it saves is large': neighbour(
    ({ database }) => database.heavy.set(partner, { aRowMs: 30 }),
    nothing,
    300,
  ),
  'an account of its replica: its lease is fought over': neighbour(
    ({ database }, clock) => repeat(clock, 3 * second, () => database.seize(partner, 'somebody', second)),
    nothing,
  ),
};
