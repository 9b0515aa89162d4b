/**
 * More kinds of lasting trouble, for non-interference-troubles.ts: of many tasks at once, of tasks that come and go, of
 * whoever acts on them from outside, and of answers that are slow or large.
 */

import type { Policy } from '../../src/domain/words/policy.ts';
import type { Effect } from '../../src/simulator/faults.ts';
import { begin } from '../domain/story.ts';
import { hour, minute, second } from './dice.ts';
import { Stage, tasks as tasksNamed } from './stage.ts';
import { dead, flapping, live, pollEveryMs, stop, struck, type Trouble } from './trouble.ts';

/** They run for a minute or two, and the first restart of each outage is answered so. */
const struckEachTime = (code: string): Trouble => ({
  begins: (stage, taskIds) => live(stage, taskIds, { survivesMs: [65 * second, 2 * minute] }),
  everyMs: 10 * second,
  again: (stage, taskIds) => {
    for (const taskId of taskIds) {
      const { faults } = stage.world;
      const waits = faults.some(({ fault, struck }) => fault.match?.taskId === taskId && struck === 0);
      if (waits || stage.statusOf(taskId) !== '生效中') continue;
      stage.fault({ effect: { kind: 'error', code }, match: { action: 'restart', taskId }, count: 1 });
    }
  },
});

/** Never given up, and tried again at once. */
const tireless: Partial<Policy> = {
  attempts: 1_000,
  backoff: { initialMs: second, factor: 1, maxMs: second, jitterPercent: 0, resetAfterMs: 10 * minute },
  budget: false,
  storm: false,
};

/** In place of the tasks there are others, which are stopped and stay so. */
const anew = (
  stage: Stage,
  taskIds: readonly string[],
  turn: number,
  name: (taskId: string, turn: number) => string,
) => {
  for (const taskId of taskIds) {
    const before = turn === 0 ? taskId : name(taskId, turn - 1);
    const task = stage.world.tasks.get(before);
    if (!task) continue;
    const { cloudGroup, title, startsAt, endsAt } = task;
    stage.act({ kind: 'delete', taskId: before });
    const plan = {
      cloudGroup,
      title,
      startsAt,
      endsAt,
      stopped: true,
      life: { restartsInVain: Number.POSITIVE_INFINITY },
    };
    stage.act({ kind: 'create', task: { ...plan, taskId: name(taskId, turn) } });
  }
};

const stayAway = { 'Retry-After': '60' } as const;

/** Restarts of it are answered so, and an operator asks for one every second. */
const struckByHand = (effect: Effect): Trouble => ({
  ...struck(effect),
  everyMs: second,
  again: (stage, [taskId = '']) => byHand(stage, taskId),
  halvesRate: true,
});

/** The list of all tasks is answered, and one that names the cloud group so. */
const unlooked = (effect: Effect): Trouble => ({
  begins: (stage, taskIds) => {
    stage.fault({ effect, match: { action: 'list', cloudGroup: 'troubled' } });
    dead.begins?.(stage, taskIds);
  },
  tasks: [1, 4],
  ownCloudGroup: true,
});

const byHand = (stage: Stage, taskId: string, times = 1): void => {
  for (let i = 0; i < times; i++) void stage.keeper.operator.restart(taskId, 'eve', true).catch(() => {});
};

export const crowds: Readonly<Record<string, Trouble>> = {
  'a cloud group whose tasks are all dead': { ...dead, tasks: [20, 60], ownCloudGroup: true },
  'half of all tasks dead, and never given up': { ...dead, tasks: [20, 40], policy: { attempts: 1_000 } },
  'a dozen tasks dead': { ...dead, tasks: [6, 12], ownCloudGroup: true },
  'a hundred that flap': { ...flapping([5 * second, 90 * second]), tasks: [80, 120], ownCloudGroup: true },
  'dozens that run a minute or two': {
    ...flapping([65 * second, 150 * second]),
    tasks: [24, 48],
    ownCloudGroup: true,
  },
  'restarts refused, and tried again every second': {
    ...struck({ kind: 'error', code: 'LackProjectPolicy' }),
    tasks: [6, 12],
    policy: tireless,
  },
  'restarts never answered, and tried again every second': {
    ...struck({ kind: 'stall', when: 'before' }),
    tasks: [6, 12],
    policy: tireless,
  },
  'fifty tasks whose restarts are not answered': {
    ...struck({ kind: 'stall', when: 'before' }),
    tasks: [40, 60],
    policy: { attempts: 2, storm: false, quarantine: { retryEveryMs: minute, abandonAfterMs: 72 * hour } },
  },
  'a group that waits a day for its restarts': { ...dead, tasks: [3, 6], policy: { verifyWithinMs: 24 * hour } },
  'answered after 9.8 s': { ...struck({ kind: 'slow-down', ms: [9_700, 9_700] }), tasks: [1, 6] },
  'answered byte by byte': struck({ kind: 'drip', bytes: 16, everyMs: second }),
  'asked by a bare 429 to stay away for a minute': struck({
    kind: 'answer',
    status: 429,
    body: '',
    headers: { 'Retry-After': '60' },
  }),
  'a cloud group that is asked by a bare 429 to stay away for a minute': {
    ...struck({ kind: 'answer', status: 429, body: '', headers: { 'Retry-After': '60' } }),
    tasks: [6, 12],
    ownCloudGroup: true,
  },
  'several tasks throttled for the account': {
    ...struck({ kind: 'error', code: 'AccountFlowLimitExceeded' }),
    tasks: [2, 4],
  },
  'throttled at each outage': { ...struckEachTime('FlowLimitExceeded'), tasks: [1, 4] },
  'its key is wrong at each outage': { ...struckEachTime('InvalidAccessKey'), tasks: [1, 4] },
  'denied at each outage': { ...struckEachTime('AccessDenied'), tasks: [1, 4] },
  'CommonErr at each outage': { ...struckEachTime('CommonErr'), tasks: [2, 6] },
  'another tool restarts it too': {
    begins: (stage, taskIds) =>
      live(stage, taskIds, { survivesMs: [5 * second, 40 * second], returnsInMs: [second, 20 * second] }),
    tasks: [1, 6],
  },
  'refused, while another tool restarts it': {
    begins: (stage, taskIds) => {
      for (const taskId of taskIds)
        stage.fault({ effect: { kind: 'error', code: 'CommonErr' }, match: { action: 'restart', taskId } });
      live(stage, taskIds, { survivesMs: [5 * second, 90 * second], returnsInMs: [second, 60 * second] });
    },
    tasks: [2, 6],
  },
  'a status that is another at every poll': {
    begins: stop,
    everyMs: pollEveryMs,
    again: (stage, taskIds, turn) => {
      const { faults } = stage.world;
      faults.splice(0, faults.length);
      for (const taskId of taskIds)
        stage.fault({ effect: { kind: 'status', text: `启动中${turn}` }, match: { taskId } });
    },
    tasks: [1, 4],
  },
  'its EndTime comes near and goes': {
    ...dead,
    everyMs: pollEveryMs,
    again: (stage, taskIds, turn) => {
      const endsAt = turn % 2 === 0 ? stage.clock.now() + 50 * second : begin + 6 * 24 * hour;
      for (const taskId of taskIds) stage.act({ kind: 'edit', taskId, change: { endsAt } });
    },
    tasks: [1, 4],
  },
  'made anew at every poll': {
    everyMs: pollEveryMs,
    again: (stage, taskIds, turn) => anew(stage, taskIds, turn, (taskId, turn) => `${taskId}n${turn}`),
    tasks: [6, 12],
    ownCloudGroup: true,
  },
  'an id that changes its case': {
    everyMs: pollEveryMs,
    again: (stage, taskIds, turn) =>
      anew(stage, taskIds, turn, (taskId, turn) => (turn % 2 === 0 ? taskId.toUpperCase() : taskId)),
    tasks: [1, 4],
  },
  'a cloud group that comes and goes': {
    everyMs: pollEveryMs,
    again: (stage, taskIds, turn) => {
      for (const taskId of taskIds)
        if (turn % 2 === 0) stage.act({ kind: 'delete', taskId });
        else {
          const common = {
            title: taskId,
            cloudGroup: 'troubled',
            startsAt: begin - hour,
            endsAt: begin + 6 * 24 * hour,
          };
          stage.act({ kind: 'create', task: { ...common, taskId, stopped: true } });
        }
    },
    tasks: [1, 12],
    ownCloudGroup: true,
  },
  'a task of two cloud groups': { begins: inTwo, tasks: [1, 4], ownCloudGroup: true },
  'a task of two cloud groups that are asked for by name': { begins: inTwo, tasks: [1, 4], byGroups: true },
  'moved to and fro between cloud groups that are asked for by name': {
    begins: stop,
    everyMs: pollEveryMs,
    again: (stage, taskIds, turn) => {
      for (const taskId of taskIds)
        stage.act({ kind: 'edit', taskId, change: { cloudGroup: turn % 2 === 0 ? 'vip' : 'troubled' } });
    },
    byGroups: true,
  },
  'a hold of its group that expires every minute': {
    ...dead,
    everyMs: 20 * second,
    again: (stage, _taskIds, turn) => {
      const at = stage.clock.now();
      const target = { kind: 'group', group: 'troubled' } as const;
      const common = { account: 'main', target, author: 'eve', reason: 'repair', createdAt: at };
      const hold = { ...common, id: `g${turn}`, endsAt: at + minute };
      void stage.keeper.operator.changeHold({ at, account: 'main', type: 'hold-added', hold }).catch(() => {});
    },
    ownCloudGroup: true,
    tasks: [1, 6],
  },
  'an operator who restarts it with ten hands': {
    ...dead,
    everyMs: second,
    again: (stage, [taskId = '']) => byHand(stage, taskId, 10),
    halvesRate: true,
  },
  'an operator who restarts fifty every minute': {
    ...dead,
    everyMs: minute,
    again: (stage, taskIds) => {
      for (const taskId of taskIds) byHand(stage, taskId);
    },
    halvesRate: true,
    tasks: [40, 60],
    ownCloudGroup: true,
    policy: { attempts: 1 },
  },
  'throttled, and restarted by an operator every second': struckByHand({ kind: 'error', code: 'FlowLimitExceeded' }),
  'asked to stay away for a minute, and restarted by an operator every second': struckByHand({
    kind: 'error',
    code: 'ServiceUnavailableTemp',
    headers: stayAway,
  }),
  'many denied, and one restarted by an operator every second': {
    ...struckByHand({ kind: 'error', code: 'AccessDenied' }),
    tasks: [6, 12],
  },
  'many whose key is wrong': { ...struck({ kind: 'error', code: 'InvalidAccessKey' }), tasks: [6, 12] },
  'many asked by a bare 429 to stay away for a minute': {
    ...struck({ kind: 'answer', status: 429, body: '', headers: stayAway }),
    tasks: [6, 12],
  },
  'a cloud group whose looks are asked to stay away': unlooked({
    kind: 'error',
    code: 'ServiceUnavailableTemp',
    headers: stayAway,
  }),
  'a cloud group whose looks are not answered': unlooked({ kind: 'stall', when: 'before' }),
  'a cloud group whose looks are throttled for the account': {
    ...unlooked({ kind: 'error', code: 'AccountFlowLimitExceeded' }),
    halvesRate: true,
  },
  'a cloud group whose list hangs every other minute': {
    begins: stop,
    everyMs: minute,
    again: (stage, _taskIds, turn) => {
      const { faults } = stage.world;
      faults.splice(0, faults.length);
      if (turn % 2 === 0)
        stage.fault({
          effect: { kind: 'stall', when: 'before' },
          match: { action: 'list', cloudGroup: 'troubled' },
        });
    },
    tasks: [1, 4],
    byGroups: true,
  },
  'another account: each of its lists takes 9 s': {
    beside: (common) => {
      const stage = new Stage({ ...common, tasks: tasksNamed(20, { stopped: true }) });
      stage.fault({ effect: { kind: 'slow-down', ms: [9_000, 9_000] }, match: { action: 'list' } });
      return stage;
    },
  },
};

/** A second item with the same id, which runs, in another cloud group. */
function inTwo(stage: Stage, taskIds: readonly string[]): void {
  for (const taskId of taskIds) {
    const task = stage.world.tasks.get(taskId);
    if (task) stage.world.tasks.set(`${taskId} again`, { ...task, cloudGroup: 'vip' });
  }
  stage.world.listings.clear();
  stop(stage, taskIds);
}
