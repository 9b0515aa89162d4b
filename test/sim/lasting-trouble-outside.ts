/**
 * Kinds of lasting trouble, for non-interference.ts, that come from what tasks do, from whoever acts on them from outside,
 * and from other accounts of the process.
 */

import type { Fault } from '../../src/simulator/faults.ts';
import { begin } from '../domain/story.ts';
import { hour, minute, second } from './dice.ts';
import {
  answers,
  backInAMinute,
  both,
  dead,
  drip,
  error,
  faulty,
  flapping,
  forEver,
  type Kinds,
  live,
  ofCloudGroup,
  pollEveryMs,
  stop,
  struck,
  type Trouble,
} from './lasting-trouble.ts';
import { Stage, type StageOptions, tasks as tasksNamed } from './stage.ts';

/** An operator asks for restarts of the first of them, or of each. */
const byHand = (everyMs: number, trouble: Trouble, hands = 1, ofEach = false): Trouble => ({
  ...trouble,
  everyMs,
  again: ({ keeper }, taskId, _turn, place) => {
    for (let i = 0; i < hands && (ofEach || place === 0); i++)
      void keeper.operator.restart(taskId, 'eve', true).catch(() => {});
  },
});

/** A hold comes with every turn, or comes and goes. */
const holding = (everyMs: number, ofGroup: boolean): Trouble => ({
  ...dead,
  everyMs,
  again: (stage, taskId, turn, place) => {
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
});

const toAndFro: Trouble = {
  begins: stop,
  everyMs: pollEveryMs,
  again: (stage, taskId, turn) =>
    stage.act({ kind: 'edit', taskId, change: { cloudGroup: turn % 2 === 0 ? 'vip' : 'troubled' } }),
};

/** In its place there is another at every poll, which is stopped and stays so. */
const anew = (name: (taskId: string, turn: number) => string): Trouble => ({
  everyMs: pollEveryMs,
  again: (stage, taskId, turn) => {
    const before = turn === 0 ? taskId : name(taskId, turn - 1);
    const task = stage.world.tasks.get(before);
    if (!task) return;
    const { cloudGroup, title, startsAt, endsAt } = task;
    stage.act({ kind: 'delete', taskId: before });
    const plan = { cloudGroup, title, startsAt, endsAt, stopped: true, life: { restartsInVain: forEver } };
    stage.act({ kind: 'create', task: { ...plan, taskId: name(taskId, turn) } });
  },
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

export const fromOutside: Kinds = {
  'endless flapping': { ...flapping(5 * second, 90 * second), tasks: [1, 4] },
  'edited at every poll': {
    begins: stop,
    everyMs: pollEveryMs,
    again: (stage, taskId, turn) => {
      const change = { sources: [`rtmp://pull.example.com/${turn}`], title: `title${turn}` };
      stage.act({ kind: 'edit', taskId, change });
    },
  },
  'moved to and fro': toAndFro,
  'a hold that comes and goes': holding(10 * second, false),
  'an operator who restarts it in a loop': byHand(7 * second, dead),
  'another account: its key is wrong': other(
    20,
    {},
    { world: { keys: [{ accessKeyId: 'another', secretAccessKey: 'x' }] } },
  ),
  'another account: its endpoint drips': other(20, { stopped: true }, { fault: { effect: drip } }),
  'another account: its list is 2,000 long': other(2_000, {}),
  'another account: all of its tasks are down for ever': other(100, {
    stopped: true,
    life: { restartsInVain: forEver },
  }),
  'a title that is a megabyte': {
    begins: both((stage, taskId) => {
      const task = stage.world.tasks.get(taskId);
      if (task) task.title = 'x'.repeat(1_000_000);
    }, stop),
  },
};

/** Of many tasks, or of tasks that come and go: `npm test` leaves them out. */
export const moreFromOutside: Kinds = {
  'a hundred that flap': ofCloudGroup(flapping(5 * second, 90 * second), 80, 120),
  'dozens that run a minute or two': ofCloudGroup(flapping(65 * second, 150 * second), 24, 48),
  'another tool restarts it too': {
    begins: (stage, taskId) =>
      live(stage, taskId, { survivesMs: [5 * second, 40 * second], returnsInMs: [second, 20 * second] }),
    tasks: [1, 6],
  },
  'refused, while another tool restarts it': {
    begins: both(faulty(error('CommonErr'), 'restart'), (stage, taskId) =>
      live(stage, taskId, { survivesMs: [5 * second, 90 * second], returnsInMs: [second, 60 * second] }),
    ),
    tasks: [2, 6],
  },
  'its EndTime comes near and goes': {
    ...dead,
    tasks: [1, 4],
    everyMs: pollEveryMs,
    again: (stage, taskId, turn) => {
      const endsAt = turn % 2 === 0 ? stage.clock.now() + 50 * second : begin + 6 * 24 * hour;
      stage.act({ kind: 'edit', taskId, change: { endsAt } });
    },
  },
  'made anew at every poll': ofCloudGroup(anew((taskId, turn) => `${taskId}n${turn}`)),
  'an id that changes its case': {
    ...anew((taskId, turn) => (turn % 2 === 0 ? taskId.toUpperCase() : taskId)),
    tasks: [1, 4],
  },
  'a cloud group that comes and goes': {
    tasks: [1, 12],
    ownCloudGroup: true,
    everyMs: pollEveryMs,
    again: (stage, taskId, turn) => {
      const times = { startsAt: begin - hour, endsAt: begin + 6 * 24 * hour };
      const task = { ...times, taskId, title: taskId, cloudGroup: 'troubled', stopped: true };
      stage.act(turn % 2 === 0 ? { kind: 'delete', taskId } : { kind: 'create', task });
    },
  },
  'a task of two cloud groups': ofCloudGroup({ begins: inTwo }, 1, 4),
  'a task of two cloud groups that are asked for by name': { begins: inTwo, tasks: [1, 4], byGroups: true },
  'moved to and fro between cloud groups that are asked for by name': { ...toAndFro, byGroups: true },
  'a hold of its group that expires every minute': ofCloudGroup(holding(20 * second, true), 1, 6),
  'an operator who restarts it with ten hands': { ...byHand(second, dead, 10), halvesRate: true },
  'an operator who restarts fifty every minute': {
    ...ofCloudGroup(byHand(minute, dead, 1, true), 40, 60),
    policy: { attempts: 1 },
    halvesRate: true,
  },
  'throttled, and restarted by an operator every second': {
    ...byHand(second, answers('FlowLimitExceeded')),
    halvesRate: true,
  },
  'asked to stay away for a minute, and restarted by an operator every second': {
    ...byHand(second, struck(backInAMinute)),
    halvesRate: true,
  },
  'many denied, and one restarted by an operator every second': {
    ...byHand(second, answers('AccessDenied')),
    tasks: [6, 12],
    halvesRate: true,
  },
  'another account: each of its lists takes 9 s': other(
    20,
    { stopped: true },
    { fault: { effect: { kind: 'slow-down', ms: [9_000, 9_000] }, match: { action: 'list' } } },
  ),
};
