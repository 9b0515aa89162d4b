/**
 * Each reason provoked on a whole daemon, and then `explain`, the list of tasks, the command and the metric asked: they
 * say the same. A reason without a row here does not compile.
 */
import { afterEach, expect, test, vi } from 'vitest';
import type { openCloud } from '../../src/app/account.ts';
import type { Cloud } from '../../src/domain/ports/cloud-port.ts';
import { type Reason, reasons } from '../../src/domain/words/reason.ts';
import type { Observation, RestartAnswer, TaskItem } from '../../src/domain/words/task.ts';
import { pretendDaemon, typed } from '../cli/pretend.ts';
import { accepted, begin, failureOf, type ItemFields, item, refusal } from '../domain/story.ts';
import { scraped } from '../telemetry/samples.ts';
import { account, running } from './running.ts';

/** What the cloud of the moment shows and answers. */
const cloud = vi.hoisted(() => ({ observe: undefined as unknown, restart: undefined as unknown }));
vi.mock('../../src/app/account.ts', async (original) => {
  const real = await original<typeof import('../../src/app/account.ts')>();
  const opened: typeof openCloud = (...wired): Cloud => {
    const { observe, restart } = cloud as Pick<Cloud, 'observe'> & { restart: () => Promise<RestartAnswer> };
    return {
      ...real.openCloud(...wired),
      observe,
      look: async () => ({ items: [], failure: undefined }),
      restart: async (_task, permit) => {
        permit.done('answered');
        return restart();
      },
    };
  };
  return { ...real, openCloud: opened };
});

interface Provocation {
  /** Keys of the group `vip`. */
  readonly policy?: string;
  /** The task asked about is `t0`; all are stopped, unless they say otherwise. */
  readonly tasks?: Readonly<Record<string, ItemFields>>;
  readonly answer?: RestartAnswer | 'none';
  /** What happens after some polls. */
  readonly afterwards?: (daemon: Awaited<ReturnType<typeof running>>, world: World) => Promise<unknown> | unknown;
}
interface World {
  tasks: Record<string, TaskItem>;
  failing: boolean;
  readonly lost: AbortController;
}

const hourMs = 3_600_000;
const many = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`t${n}`, {}]));
const failed = refusal('common', 'CommonErr');

const provocations: Readonly<Record<Reason, Provocation>> = {
  unmanaged: { tasks: { t0: { cloudGroup: 'nobody' } } },
  ended: { tasks: { t0: { endsAt: begin - 1 } } },
  'unknown-status': {
    answer: failed,
    afterwards: (_, { tasks }) => {
      tasks.t0 = item('t0', 'unknown', { statusText: '冻结' });
    },
  },
  standby: { answer: failed, afterwards: (_, { lost }) => lost.abort() },
  blind: {
    answer: failed,
    afterwards: async (daemon, world) => {
      world.failing = true;
      await daemon.run(120);
    },
  },
  circuit: { tasks: { t0: {}, t1: {} }, answer: refusal('billing', 'RequestForbidden.BillingStatus') },
  held: {
    answer: failed,
    afterwards: ({ operations }) =>
      operations.addHold({ account: 'main', target: { kind: 'title', title: 'title*' }, author: 'ann', reason: 'x' }),
  },
  'outside-hours': { policy: 'hours: [{days: [sun], timezone: UTC}]' },
  'before-start': { tasks: { t0: { startsAt: begin + hourMs } } },
  'near-end': { tasks: { t0: { endsAt: begin + 50_000 } } },
  confirming: { policy: 'confirm: 100' },
  observing: { policy: 'mode: observe' },
  'in-flight': { answer: 'none' },
  verifying: {},
  backoff: { answer: failed },
  quarantined: { policy: 'attempts: 1', answer: failed },
  abandoned: { policy: 'attempts: 1, quarantine: {retryEvery: 1s, abandonAfter: 1s}', answer: failed },
  storm: { tasks: many },
};

async function provoked(provocation: Provocation) {
  const { policy = '', tasks = { t0: {} }, answer = accepted, afterwards } = provocation;
  const world: World = {
    tasks: Object.fromEntries(Object.entries(tasks).map(([id, fields]) => [id, item(id, 'stopped', fields)])),
    failing: false,
    lost: new AbortController(),
  };
  let now = () => begin;
  const late = Promise.withResolvers<RestartAnswer>();
  cloud.restart = () => (answer === 'none' ? late.promise : Promise.resolve(answer));
  cloud.observe = async (): Promise<Observation> => {
    const at = { startedAt: now(), finishedAt: now() };
    if (world.failing) return { kind: 'failed', ...at, failure: failureOf('server') };
    const items = Object.values(world.tasks).map((one) => ({ ...one, requestedAt: now() }));
    return { kind: 'complete', ...at, items, drift: false, failedCloudGroups: [], malformedItems: 0 };
  };
  const daemon = await running(`accounts: [${account('main')}]\ngroups: [{name: vip, ${policy}}]\n`, world.lost.signal);
  now = daemon.clock.now.bind(daemon.clock);
  await daemon.run(20);
  await afterwards?.(daemon, world);
  await daemon.run(6);
  return { daemon, answerNow: () => late.resolve(accepted) };
}

let command: Awaited<ReturnType<typeof pretendDaemon>> | undefined;
afterEach(async () => {
  await command?.close();
  command = undefined;
});

test.each(reasons)('%s', async (reason) => {
  const { daemon, answerNow } = await provoked(provocations[reason]);
  // Of a storm and an open circuit it is the one that others are put before.
  const explained = await Promise.all(
    daemon.operations.tasks({ limit: 500 }).tasks.map(({ taskId }) => daemon.operations.explain(taskId)),
  );
  const task = explained.find(({ verdict }) => verdict.reason === reason);
  if (!task) throw new Error(`no task waits for ${reason}, but for ${explained.map(({ verdict }) => verdict.reason)}`);
  expect(task.verdict.kind).toBe('wait');

  const objecting = task.rules.filter(({ notBefore }) => notBefore !== null);
  expect(objecting[0]).toMatchObject({ reason, detail: expect.stringMatching(/./) });
  expect(task.verdict.sentence).toContain(objecting[0]?.detail);
  expect(daemon.operations.tasks({ reason, limit: 500 }).tasks.map(({ taskId }) => taskId)).toContain(task.taskId);

  command = await pretendDaemon({ [`GET /api/v1/tasks/${task.taskId}`]: { json: task } });
  const { out, code } = await typed(['explain', task.taskId, '--socket', command.socket]);
  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`^verdict   ${reason}, `, 'm'));

  const metrics = await scraped(daemon.metrics, daemon.operations.snapshot(0));
  const waiting = explained.filter(({ verdict }) => verdict.reason === reason).length;
  // Of unmanaged tasks nothing is reported by group, and of what another process owns nothing at all.
  if (reason === 'unmanaged') expect(daemon.operations.status().accounts[0]?.unmanaged).toBe(waiting);
  else if (reason === 'standby') expect(metrics).toMatch(/^relaykeeper_owner\{account="main"\} 0$/m);
  else
    expect(metrics).toContain(`relaykeeper_tasks_waiting{account="main",group="vip",reason="${reason}"} ${waiting}\n`);
  answerNow();
  await daemon[Symbol.asyncDispose]();
});
