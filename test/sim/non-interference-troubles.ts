/**
 * Lasting trouble that belongs to one task, to one cloud group, or to another account. What it may cost others stands in
 * `non-interference.ts`.
 */
import { begin } from '../domain/story.ts';
import { hour, minute, second } from './dice.ts';
import { ofReplicas } from './non-interference-replicas.ts';
import { Stage, tasks as tasksNamed } from './stage.ts';
import {
  again,
  anew,
  answers,
  backInAMinute,
  bare429,
  both,
  byHand,
  dead,
  drip,
  error,
  faulty,
  flapping,
  forEver,
  halving,
  hangs,
  holding,
  inTwo,
  live,
  ofCloudGroup,
  other,
  pollEveryMs,
  saysAccount,
  several,
  shows,
  silence,
  stop,
  struck,
  struckEachTime,
  type Trouble,
  tireless,
  toAndFro,
  unlistable,
  unlisted,
  unlooked,
} from './trouble.ts';

const ofFew: Readonly<Record<string, Trouble>> = {
  'dead: restarts are accepted in vain': dead,
  throttled: answers('FlowLimitExceeded'),
  'throttled for the account': answers('AccountFlowLimitExceeded'),
  'several tasks throttled': several(answers('FlowLimitExceeded'), 2, 4),
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
  timeout: struck(silence),
  unknown: answers('SomethingNew'),
  'several tasks, several answers': several(answers('CommonErr', 'InternalError', 'SomethingNew'), 2, 4),
  'several tasks, each of another account class': several(
    answers('InvalidAccessKey', 'RequestForbidden.BillingStatus', 'InvalidTimestamp', 'InvalidActionOrVersion'),
    2,
    4,
  ),
  'several tasks denied': several(answers('AccessDenied'), 2, 4),
  'unknown status': several({ begins: shows('启动中') }, 1, 4),
  'unknown status after a restart': several(
    again(
      16 * second,
      (stage, taskId, turn, place) => {
        if (turn === 0) shows('启动中')(stage, taskId, place);
      },
      dead,
    ),
    1,
    4,
  ),
  'a group that waits an hour for its restarts': several(dead, 3, 6, { verifyWithinMs: hour }),
  'malformed item': { begins: both(stop, faulty({ kind: 'malformed' })) },
  'a cloud group whose restarts are denied': ofCloudGroup(answers('AccessDenied')),
  'a cloud group whose restarts are forbidden': ofCloudGroup(answers('LackProjectPolicy')),
  'a cloud group whose restarts are not paid for': ofCloudGroup(answers('RequestForbidden.BillingStatus')),
  'a cloud group whose key is wrong': ofCloudGroup(answers('SignatureDoesNotMatch')),
  'a cloud group whose restarts are throttled': ofCloudGroup(answers('FlowLimitExceeded')),
  'a cloud group over quota': ofCloudGroup(answers('RequestLimitExceeded')),
  'a cloud group whose restarts fail inside': ofCloudGroup(answers('InternalError', 'CommonErr', 'SomethingNew')),
  'a cloud group whose restarts are not answered': ofCloudGroup(struck(silence)),
  'unlistable group': unlistable(error('InternalError')),
  'unlistable group: denied': unlistable(error('AccessDenied')),
  'unlistable group: not found': unlistable(error('ResourceNotFound')),
  'unlistable group: CommonErr': unlistable(error('CommonErr')),
  'unlistable group: the connection breaks': unlistable({ kind: 'reset', when: 'before' }),
  'unlistable group: no answer': unlistable(silence, hangs),
  'unlistable group: half an answer': unlistable({ kind: 'truncate' }),
  'unlistable group: throttled': unlistable(error('FlowLimitExceeded'), saysAccount),
  'unlistable group: not paid for': unlistable(error('RequestForbidden.BillingStatus'), saysAccount),
  'unlistable group: its key is wrong': unlistable(error('InvalidAccessKey'), saysAccount),
  'unlistable group: asked to come back in a minute': unlistable(backInAMinute),
  'unlistable group: a bare 429, and asked to come back in a minute': halving(unlistable(bare429, saysAccount)),
  'unlistable group: throttled for the account': halving(unlistable(error('AccountFlowLimitExceeded'), saysAccount)),
  'unlistable group: byte by byte': unlistable(drip, hangs),
  'endless flapping': several(flapping(5 * second, 90 * second), 1, 4),
  'edited at every poll': again(pollEveryMs, (stage, taskId, turn) => {
    const change = { sources: [`rtmp://pull.example.com/${turn}`], title: `title${turn}` };
    stage.act({ kind: 'edit', taskId, change });
  }),
  'moved to and fro': toAndFro,
  'a hold that comes and goes': holding(10 * second, false),
  'an operator who restarts it in a loop': byHand(7 * second, dead),
  'another account: its key is wrong': {
    beside: (common) => {
      const keys = [{ accessKeyId: 'another', secretAccessKey: 'x' }];
      return new Stage({ ...common, tasks: tasksNamed(20), world: { keys } });
    },
  },
  'another account: its endpoint drips': other(20, { stopped: true }, drip),
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

/**
 * Of many tasks at once, of tasks that come and go, of whoever acts on them from outside, and of answers that are slow or
 * large.
 */
export const crowds: Readonly<Record<string, Trouble>> = {
  'a cloud group whose tasks are all dead': ofCloudGroup(dead, 20, 60),
  'half of all tasks dead, and never given up': several(dead, 20, 40, { attempts: 1_000 }),
  'a dozen tasks dead': ofCloudGroup(dead),
  'a hundred that flap': ofCloudGroup(flapping(5 * second, 90 * second), 80, 120),
  'dozens that run a minute or two': ofCloudGroup(flapping(65 * second, 150 * second), 24, 48),
  'restarts refused, and tried again every second': several(answers('LackProjectPolicy'), 6, 12, tireless),
  'restarts never answered, and tried again every second': several(struck(silence), 6, 12, tireless),
  'fifty tasks whose restarts are not answered': several(struck(silence), 40, 60, {
    attempts: 2,
    storm: false,
    quarantine: { retryEveryMs: minute, abandonAfterMs: 72 * hour },
  }),
  'a group that waits a day for its restarts': several(dead, 3, 6, { verifyWithinMs: 24 * hour }),
  'answered after 9.8 s': several(struck({ kind: 'slow-down', ms: [9_700, 9_700] }), 1, 6),
  'answered byte by byte': struck(drip),
  'asked by a bare 429 to stay away for a minute': struck(bare429),
  'a cloud group that is asked by a bare 429 to stay away for a minute': ofCloudGroup(struck(bare429)),
  'several tasks throttled for the account': several(answers('AccountFlowLimitExceeded'), 2, 4),
  'throttled at each outage': struckEachTime('FlowLimitExceeded', 1, 4),
  'its key is wrong at each outage': struckEachTime('InvalidAccessKey', 1, 4),
  'denied at each outage': struckEachTime('AccessDenied', 1, 4),
  'CommonErr at each outage': struckEachTime('CommonErr', 2, 6),
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
  'a status that is another at every poll': several(
    again(pollEveryMs, (stage, taskId, turn, place) => {
      if (place === 0) stage.world.faults.splice(0);
      shows(`启动中${turn}`)(stage, taskId, place);
    }),
    1,
    4,
  ),
  'its EndTime comes near and goes': several(
    again(
      pollEveryMs,
      (stage, taskId, turn) => {
        const endsAt = turn % 2 === 0 ? stage.clock.now() + 50 * second : begin + 6 * 24 * hour;
        stage.act({ kind: 'edit', taskId, change: { endsAt } });
      },
      dead,
    ),
    1,
    4,
  ),
  'made anew at every poll': ofCloudGroup(anew((taskId, turn) => `${taskId}n${turn}`)),
  'an id that changes its case': several(
    anew((taskId, turn) => (turn % 2 === 0 ? taskId.toUpperCase() : taskId)),
    1,
    4,
  ),
  'a cloud group that comes and goes': ofCloudGroup(
    again(
      pollEveryMs,
      (stage, taskId, turn) => {
        const times = { startsAt: begin - hour, endsAt: begin + 6 * 24 * hour };
        const task = { ...times, taskId, title: taskId, cloudGroup: 'troubled', stopped: true };
        stage.act(turn % 2 === 0 ? { kind: 'delete', taskId } : { kind: 'create', task });
      },
      {},
    ),
    1,
    12,
  ),
  'a task of two cloud groups': ofCloudGroup({ begins: inTwo }, 1, 4),
  'a task of two cloud groups that are asked for by name': { begins: inTwo, tasks: [1, 4], byGroups: true },
  'moved to and fro between cloud groups that are asked for by name': { ...toAndFro, byGroups: true },
  'a hold of its group that expires every minute': ofCloudGroup(holding(20 * second, true), 1, 6),
  'an operator who restarts it with ten hands': halving(byHand(second, dead, 10)),
  'an operator who restarts fifty every minute': halving({
    ...ofCloudGroup(byHand(minute, dead, 1, true), 40, 60),
    policy: { attempts: 1 },
  }),
  'throttled, and restarted by an operator every second': halving(byHand(second, answers('FlowLimitExceeded'))),
  'asked to stay away for a minute, and restarted by an operator every second': halving(
    byHand(second, struck(backInAMinute)),
  ),
  'many denied, and one restarted by an operator every second': several(
    halving(byHand(second, answers('AccessDenied'))),
    6,
    12,
  ),
  'many whose key is wrong': several(answers('InvalidAccessKey'), 6, 12),
  'many asked by a bare 429 to stay away for a minute': several(struck(bare429), 6, 12),
  'a cloud group whose looks are asked to stay away': unlooked(backInAMinute),
  'a cloud group whose looks are not answered': unlooked(silence),
  'a cloud group whose looks are throttled for the account': halving(unlooked(error('AccountFlowLimitExceeded'))),
  'a cloud group whose list hangs every other minute': {
    ...again(minute, (stage, taskId, turn, place) => {
      if (place === 0) stage.world.faults.splice(0);
      if (turn % 2 === 0) unlisted(silence)(stage, taskId, place);
    }),
    tasks: [1, 4],
    byGroups: true,
  },
  'another account: each of its lists takes 9 s': other(
    20,
    { stopped: true },
    { kind: 'slow-down', ms: [9_000, 9_000] },
    'list',
  ),
};

export const kinds: Readonly<Record<string, Trouble>> = { ...ofFew, ...crowds, ...ofReplicas };
