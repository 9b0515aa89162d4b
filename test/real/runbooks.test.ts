/**
 * The commands of the runbooks, run against the situations that they are for: each is understood, and each `history`
 * finds the event that the alert is about. One daemon with an account for each sort of trouble.
 */
import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AlertRule } from '../../src/mixin/alerts/alert.ts';
import { alertRules } from '../../src/mixin/alerts/all.ts';
import { account, env, type PretendCloud, tasks } from '../end-to-end/cloud.ts';
import { command, type Daemon, plainServer, Stage, until, writeConfig } from '../end-to-end/daemon.ts';

/** What stands for the words in capitals, and what the alert is about: events of these types are found. */
interface Situation {
  readonly account: string;
  readonly task: string;
  readonly group?: string;
  /** By `history` of the runbook; none: the alert has no event of its own. */
  readonly events?: readonly string[];
}

const ill: Situation = { account: 'main', task: 'ill-0001', group: 'vip' };
const stormy: Situation = { account: 'stormy', task: 'stormy-0001', group: 'stormy' };

const situations: Readonly<Record<AlertRule['name'], Situation | 'down' | 'elsewhere'>> = {
  RelaykeeperTaskDown: ill,
  RelaykeeperTaskOverdue: { account: 'main', task: 'late-0001', group: 'vip', events: ['task-overdue'] },
  RelaykeeperStatusUnknown: { account: 'main', task: 'odd-0001', group: 'vip', events: ['status-unknown'] },
  RelaykeeperKeyRefused: { account: 'keyless', task: 'keyless-0001', events: ['circuit-opened'] },
  RelaykeeperAccountUnpaid: { account: 'unpaid', task: 'unpaid-0001', events: ['circuit-opened'] },
  RelaykeeperClockRefused: { account: 'clock', task: 'clock-0001', events: ['circuit-opened'] },
  RelaykeeperActionRetired: { account: 'retired', task: 'retired-0001', events: ['circuit-opened'] },
  RelaykeeperPollStale: { account: 'blind', task: 'blind-0001', events: ['polls-failing'] },
  RelaykeeperTargetDown: 'down',
  RelaykeeperAbsent: 'down',
  RelaykeeperNoOwner: ill,
  RelaykeeperStoreFailing: ill,
  RelaykeeperTaskAbandoned: { ...ill, events: ['task-abandoned'] },
  RelaykeeperTaskQuarantined: { ...ill, events: ['task-quarantined'] },
  RelaykeeperTaskFlapping: { account: 'main', task: 'flap-0001', group: 'vip', events: ['outage-opened'] },
  RelaykeeperTaskEnds: ill,
  RelaykeeperReplicasDiffer: ill,
  RelaykeeperRestartsFailing: { ...ill, events: ['restart-failed'] },
  RelaykeeperStorm: { ...stormy, events: ['storm-started'] },
  RelaykeeperCircuitOpen: { ...stormy, events: ['circuit-opened'] },
  RelaykeeperThrottled: ill,
  RelaykeeperApiErrors: { ...stormy, events: ['circuit-opened'] },
  RelaykeeperListSuspect: { account: 'shrunk', task: 'shrunk-0001', events: ['polls-failing'] },
  RelaykeeperListIncomplete: { account: 'drifting', task: 'drifting-0001', events: ['list-incomplete'] },
  RelaykeeperClockSkew: ill,
  // Two stores: the commands are for people only.
  RelaykeeperTwoOwners: 'elsewhere',
  RelaykeeperHoldEnds: { account: 'main', task: 'held-0001', group: 'vip' },
  RelaykeeperHoldForgotten: { account: 'main', task: 'held-0001', group: 'vip', events: ['hold-added'] },
  RelaykeeperConfigRejected: ill,
  RelaykeeperSimulatedAccount: ill,
};

/** Those that change something may be refused, in their own words; they must be understood. */
const mayBeRefused = /^(?:restart|release|hold remove)/;

const stage = new Stage();
let daemon: Daemon;
let holdId: string;
const clouds: Record<string, PretendCloud> = {};
const troubled = ['keyless', 'unpaid', 'clock', 'retired', 'blind', 'stormy', 'shrunk', 'drifting'] as const;
const inVain = { stopped: true, life: { restartsInVain: 9_999 } };

beforeAll(async () => {
  clouds.main = await stage.cloud({
    tasks: [
      ...tasks('ill', 1, inVain),
      ...tasks('steady', 20),
      ...tasks('late', 1),
      ...tasks('odd', 1),
      ...tasks('held', 1),
      ...tasks('flap', 1, { life: { survivesMs: [1_500, 2_500] } }),
    ],
  });
  for (const name of troubled) clouds[name] = await stage.cloud({ tasks: tasks(name, 12) });
  const names = ['main', ...troubled];
  const seldom = { poll: { schedule: '*/2 * * * * *', verifyEvery: '1s' } };
  daemon = await stage.start({
    folder: stage.folder(),
    env,
    config: {
      server: plainServer,
      accounts: names.map((name) => account(clouds[name] as PretendCloud, name, seldom)),
      defaults: {
        verifyWithin: '1s',
        attempts: 2,
        backoff: { initial: '500ms', max: '1s' },
        quarantine: { retryEvery: '1s', abandonAfter: '5s' },
      },
      groups: names.map((name) => ({
        name: name === 'main' ? 'vip' : name,
        match: { account: [name] },
        ...(name === 'stormy' ? {} : { storm: false }),
      })),
    },
  });
  await until('all are known', async () => (await daemon.metric('tasks')) === 25 + 12 * troubled.length);
  provoke();
  const { json } = await daemon.ask('POST', '/api/v1/holds', {
    account: 'main',
    target: { kind: 'task', taskId: 'held-0001' },
    reason: 'encoder is moved',
    by: 'lin',
    for: '10m',
  });
  holdId = String((json as { readonly id: string }).id);
  writeConfigWrong();
  for (const { account: name, task, events = [] } of Object.values(situations).filter((one) => typeof one === 'object'))
    for (const event of events)
      await until(
        `${event} of ${name}, of ${task} if it is of a task`,
        async () => (await happened(event, name)).some(({ taskId = task }) => taskId === task),
        () => daemon.tail(),
        120_000,
      );
});
afterAll(() => stage[Symbol.asyncDispose]());

/** As `history` finds it. */
const happened = async (type: string, name: string) =>
  (await daemon.get<{ event: { taskId?: string } }[]>(`/api/v1/events?type=${type}&account=${name}&limit=1000`)).map(
    ({ event }) => event,
  );

/** A fault for each account; `main` has one for each task. */
function provoke(): void {
  const { main, keyless, unpaid, clock, retired, blind, stormy: storm, shrunk, drifting } = clouds;
  const failing = (code: string, status: number) => ({ kind: 'error', code, status }) as const;
  main?.fault({ match: { taskId: 'late-0001' }, effect: { kind: 'status', text: '未开始' } });
  main?.fault({ match: { taskId: 'odd-0001' }, effect: { kind: 'status', text: '排队中' } });
  keyless?.fault({ match: { action: 'list' }, effect: failing('InvalidAccessKey', 401) });
  unpaid?.fault({ match: { action: 'restart' }, effect: failing('RequestForbidden.BillingStatus', 403) });
  clock?.fault({ match: { action: 'list' }, effect: failing('InvalidTimestamp', 400) });
  retired?.fault({ match: { action: 'restart' }, effect: failing('InvalidActionOrVersion', 404) });
  blind?.fault({ match: { action: 'list' }, effect: failing('InternalError', 500) });
  storm?.fault({ match: { action: 'restart' }, effect: failing('InternalError', 500) });
  shrunk?.fault({ match: { action: 'list' }, effect: { kind: 'shrink', keep: 2 } });
  drifting?.fault({ match: { action: 'list' }, effect: { kind: 'promise', total: 40 } });
  for (const cloud of [unpaid, retired])
    cloud?.act({ kind: 'stop', taskId: cloud === unpaid ? 'unpaid-0001' : 'retired-0001' });
  for (const taskId of storm?.world.tasks.keys() ?? []) storm?.act({ kind: 'stop', taskId });
}

/** `check` tells what is wrong with it; the daemon goes on. */
function writeConfigWrong(): void {
  mkdirSync(`${daemon.folder}/wrong`);
  writeConfig(`${daemon.folder}/wrong`, 'groups: [{nam: vip}]');
}

const argsOf = (line: string, { task, group = '' }: Omit<Situation, 'account'>): readonly string[] =>
  [...line.matchAll(/"[^"]*"|\S+/g)]
    .map(([word]) => word.replaceAll('"', ''))
    .map(
      (word) =>
        (({ TASK: task, GROUP: group, ID: holdId, N: '200' }) as Readonly<Record<string, string>>)[word] ?? word,
    )
    .slice(1);

const rules = alertRules().map((rule) => [rule.name, rule] as const);

test('every alert has its situation', () => {
  expect(Object.keys(situations).sort()).toEqual(rules.map(([name]) => name).sort());
});

const ran = new Map<string, Awaited<ReturnType<typeof command>>>();
/** Each line once: most stand in several runbooks. */
async function run(args: readonly string[]) {
  const key = args.join(' ');
  const known = ran.get(key) ?? (await command(daemon.folder, args, env));
  ran.set(key, known);
  return known;
}

test.each(rules)('%s', async (name, rule) => {
  const situation = situations[name];
  if (situation === undefined || typeof situation === 'string') return;
  const found: string[] = [];
  for (const line of rule.run.map((one) => [one].flat()[0] ?? '').filter((one) => one.startsWith('relaykeeper '))) {
    const args = argsOf(line, situation);
    const { code, stdout, stderr } = await run(args);
    const said = `${line}\n${stdout}${stderr}`;
    expect(said).not.toMatch(/usage|unknown option|unknown command/i);
    // Of several accounts, one whose list cannot be read makes the whole a failure.
    if (args[0] === 'plan' && code !== 0) expect(stderr).toContain('the list could not be read');
    else if (mayBeRefused.test(args.join(' '))) expect([0, 1, 5], said).toContain(code);
    else expect(code, said).toBe(0);
    if (args[0] === 'status') expect(stdout).toContain(situation.account);
    if (args[0] === 'tasks' || args[0] === 'explain') expect(stdout).toContain(situation.task);
    if (args[0] === 'hold' && args[1] === 'list') expect(stdout).toContain('encoder is moved');
    if (args[0] === 'history')
      for (const row of stdout.split('\n')) if (row.includes(situation.account)) found.push(row);
  }
  for (const event of situation.events ?? []) expect(found.join('\n'), `${name}: ${event}`).toContain(event);
});

test('with a file that is wrong, `check` tells what; with nobody there, `healthcheck` says so', async () => {
  const wrong = await command(`${daemon.folder}/wrong`, ['check'], env);
  expect(wrong).toMatchObject({ code: 78, stderr: expect.stringContaining('nam') });
  await daemon.kill();
  expect((await command(daemon.folder, ['check'], env)).code).toBe(0);
  const { code, stderr } = await command(daemon.folder, ['healthcheck'], env);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/\S/);
});
