/**
 * Lasting trouble that belongs to one task, to one cloud group, or to another account: what begins it and what keeps it
 * going. What it may cost others stands in `non-interference.ts`.
 */
import type { Effect } from '../../src/simulator/faults.ts';
import { hour, second } from './dice.ts';
import { crowds } from './non-interference-crowds.ts';
import { ofReplicas } from './non-interference-replicas.ts';
import { Stage, tasks as tasksNamed } from './stage.ts';
import { dead, flapping, pollEveryMs, stop, struck, type Trouble } from './trouble.ts';

const error = (code: string) => ({ kind: 'error', code }) as const;
const answers = (...codes: readonly string[]): Trouble => struck(...codes.map(error));

/** So are all of one cloud group. */
const ofOneGroup = (...codes: readonly string[]): Trouble => ({
  ...answers(...codes),
  tasks: [6, 12],
  ownCloudGroup: true,
});

/** Its cloud group's list fails so, for ever; and it is stopped. */
const unlistable = (effect: Effect, atFirst?: string): Trouble => ({
  begins: (stage, taskIds) => {
    stop(stage, taskIds);
    stage.fault({ effect, match: { action: 'list', cloudGroup: 'troubled' } });
  },
  tasks: [1, 4],
  byGroups: true,
  ...(atFirst === undefined ? {} : { atFirst }),
});
const backInAMinute = { ...error('ServiceUnavailableTemp'), headers: { 'Retry-After': '60' } } as const;
const hangs = 'whether a list hangs or the network is known after requestTimeout, and so of its halves';
const saysAccount = 'a list that says so of the account is asked for in parts by the next poll';

const hold = (stage: Stage, taskId: string, turn: number): void => {
  const at = stage.clock.now();
  const id = `h${Math.floor(turn / 2)}`;
  const target = { kind: 'task', taskId } as const;
  const common = { id, account: 'main', target, author: 'eve', reason: 'repair', createdAt: at, endsAt: undefined };
  const about = { at, account: 'main', hold: common } as const;
  const event =
    turn % 2 === 0 ? { ...about, type: 'hold-added' as const } : { ...about, type: 'hold-removed' as const, by: 'eve' };
  void stage.keeper.operator.changeHold(event).catch(() => {});
};

export const kinds: Readonly<Record<string, Trouble>> = {
  'dead: restarts are accepted in vain': dead,
  throttled: answers('FlowLimitExceeded'),
  'throttled for the account': answers('AccountFlowLimitExceeded'),
  'several tasks throttled': { ...answers('FlowLimitExceeded'), tasks: [2, 4] },
  'asked to come back in a minute': struck(backInAMinute),
  quota: answers('RequestLimitExceeded'),
  auth: answers('InvalidAccessKey'),
  permission: answers('AccessDenied'),
  forbidden: answers('LackProjectPolicy'),
  billing: answers('RequestForbidden.BillingStatus'),
  clock: answers('InvalidTimestamp'),
  retired: answers('InvalidActionOrVersion'),
  invalid: answers('InvalidParam'),
  'not-found': answers('ResourceNotFound'),
  server: answers('InternalError'),
  common: answers('CommonErr'),
  network: struck({ kind: 'reset', when: 'before' }),
  timeout: struck({ kind: 'stall', when: 'before' }),
  unknown: answers('SomethingNew'),
  'several tasks, several answers': { ...answers('CommonErr', 'InternalError', 'SomethingNew'), tasks: [2, 4] },
  'several tasks, each of another account class': {
    ...answers('InvalidAccessKey', 'RequestForbidden.BillingStatus', 'InvalidTimestamp', 'InvalidActionOrVersion'),
    tasks: [2, 4],
  },
  'several tasks denied': { ...answers('AccessDenied'), tasks: [2, 4] },
  'unknown status': {
    begins: (stage, taskIds) => {
      for (const taskId of taskIds) stage.fault({ effect: { kind: 'status', text: '启动中' }, match: { taskId } });
    },
    tasks: [1, 4],
  },
  'unknown status after a restart': {
    ...dead,
    everyMs: 16 * second,
    again: (stage, taskIds, turn) => {
      for (const taskId of turn === 0 ? taskIds : [])
        stage.fault({ effect: { kind: 'status', text: '启动中' }, match: { taskId } });
    },
    tasks: [1, 4],
  },
  'a group that waits an hour for its restarts': {
    ...dead,
    tasks: [3, 6],
    policy: { verifyWithinMs: hour },
  },
  'malformed item': {
    begins: (stage, taskIds) => {
      stop(stage, taskIds);
      for (const taskId of taskIds) stage.fault({ effect: { kind: 'malformed' }, match: { taskId } });
    },
  },
  'a cloud group whose restarts are denied': ofOneGroup('AccessDenied'),
  'a cloud group whose restarts are forbidden': ofOneGroup('LackProjectPolicy'),
  'a cloud group whose restarts are not paid for': ofOneGroup('RequestForbidden.BillingStatus'),
  'a cloud group whose key is wrong': ofOneGroup('SignatureDoesNotMatch'),
  'a cloud group whose restarts are throttled': ofOneGroup('FlowLimitExceeded'),
  'a cloud group over quota': ofOneGroup('RequestLimitExceeded'),
  'a cloud group whose restarts fail inside': ofOneGroup('InternalError', 'CommonErr', 'SomethingNew'),
  'a cloud group whose restarts are not answered': {
    ...struck({ kind: 'stall', when: 'before' }),
    tasks: [6, 12],
    ownCloudGroup: true,
  },
  'unlistable group': unlistable(error('InternalError')),
  'unlistable group: denied': unlistable(error('AccessDenied')),
  'unlistable group: not found': unlistable(error('ResourceNotFound')),
  'unlistable group: CommonErr': unlistable(error('CommonErr')),
  'unlistable group: the connection breaks': unlistable({ kind: 'reset', when: 'before' }),
  'unlistable group: no answer': unlistable({ kind: 'stall', when: 'before' }, hangs),
  'unlistable group: half an answer': unlistable({ kind: 'truncate' }),
  'unlistable group: throttled': unlistable(error('FlowLimitExceeded'), saysAccount),
  'unlistable group: not paid for': unlistable(error('RequestForbidden.BillingStatus'), saysAccount),
  'unlistable group: its key is wrong': unlistable(error('InvalidAccessKey'), saysAccount),
  'unlistable group: asked to come back in a minute': unlistable(backInAMinute),
  'unlistable group: a bare 429, and asked to come back in a minute': {
    ...unlistable({ kind: 'answer', status: 429, body: '', headers: { 'Retry-After': '60' } }, saysAccount),
    halvesRate: true,
  },
  'unlistable group: throttled for the account': {
    ...unlistable(error('AccountFlowLimitExceeded'), saysAccount),
    halvesRate: true,
  },
  'unlistable group: byte by byte': unlistable({ kind: 'drip', bytes: 16, everyMs: second }, hangs),
  'endless flapping': {
    ...flapping([5 * second, 90 * second]),
    tasks: [1, 4],
  },
  'edited at every poll': {
    begins: stop,
    everyMs: pollEveryMs,
    again: (stage, taskIds, turn) => {
      for (const taskId of taskIds)
        stage.act({
          kind: 'edit',
          taskId,
          change: { sources: [`rtmp://pull.example.com/${turn}`], title: `title${turn}` },
        });
    },
  },
  'moved to and fro': {
    begins: stop,
    everyMs: pollEveryMs,
    again: (stage, taskIds, turn) => {
      for (const taskId of taskIds)
        stage.act({ kind: 'edit', taskId, change: { cloudGroup: turn % 2 === 0 ? 'vip' : 'troubled' } });
    },
  },
  'a hold that comes and goes': {
    ...dead,
    everyMs: 10 * second,
    again: (stage, [taskId = ''], turn) => hold(stage, taskId, turn),
  },
  'an operator who restarts it in a loop': {
    ...dead,
    everyMs: 7 * second,
    again: (stage, [taskId = '']) => void stage.keeper.operator.restart(taskId, 'eve', true).catch(() => {}),
  },
  'another account: its key is wrong': {
    beside: (common) =>
      new Stage({
        ...common,
        tasks: tasksNamed(20),
        world: { keys: [{ accessKeyId: 'another', secretAccessKey: 'x' }] },
      }),
  },
  'another account: its endpoint drips': {
    beside: (common) => {
      const stage = new Stage({ ...common, tasks: tasksNamed(20, { stopped: true }) });
      stage.fault({ effect: { kind: 'drip', bytes: 16, everyMs: second } });
      return stage;
    },
  },
  'another account: its list is 2,000 long': {
    beside: (common) => new Stage({ ...common, tasks: tasksNamed(2_000) }),
  },
  'another account: all of its tasks are down for ever': {
    beside: (common) => {
      const life = { restartsInVain: Number.POSITIVE_INFINITY };
      return new Stage({ ...common, tasks: tasksNamed(100, { stopped: true, life }) });
    },
  },
  'a title that is a megabyte': {
    begins: (stage, taskIds) => {
      for (const taskId of taskIds) {
        const task = stage.world.tasks.get(taskId);
        if (task) task.title = 'x'.repeat(1_000_000);
      }
      stop(stage, taskIds);
    },
  },
  ...crowds,
  ...ofReplicas,
};
