/** The commands that need no daemon: run and plan (over a pretend app), check, simulate, schema, version. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planOnce as planReally } from '../../src/app/plan-once.ts';
import type { App } from '../../src/domain/ports/app-port.ts';
import type { TaskView } from '../../src/domain/views/shown.ts';
import { textWidth } from '../../src/settings/text-width.ts';
import { noon, typed } from './pretend.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'relaykeeper-local-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const account = '{name: main, credentials: {accessKeyId: a, secretAccessKey: b}}';
const goodYaml = `version: 1\naccounts: [${account}]\ngroups: [{name: vip}]\n`;

describe('run', () => {
  it.each([
    ['nothing said', ['run'], {}, undefined],
    ['--listen', ['run', '--listen', '0.0.0.0:9847'], {}, '0.0.0.0:9847'],
    ['the environment', ['run'], { RELAYKEEPER_LISTEN: '0.0.0.0:1' }, '0.0.0.0:1'],
    ['both: the flag wins', ['run', '--listen', '[::1]:2'], { RELAYKEEPER_LISTEN: '0.0.0.0:1' }, '[::1]:2'],
    ['an empty variable is none', ['run'], { RELAYKEEPER_LISTEN: '' }, undefined],
  ])('where it listens: %s', async (_what, args, env, listen) => {
    const started: Parameters<App['runApp']>[0][] = [];
    const runApp: App['runApp'] = async (options) => {
      started.push(options);
      options.stderr.write('a trouble\n');
      return 0;
    };
    const ended = await typed([...args, '--config', 'x.yaml'], { env, app: { runApp } });
    expect(ended).toEqual({ code: 0, out: '', err: 'a trouble\n' });
    expect(started).toHaveLength(1);
    expect(started[0]).toMatchObject({ listen, configPath: 'x.yaml' });
  });

  it.each([0, 1, 78] as const)('ends with the exit code of the app: %i', async (code) => {
    const ended = await typed(['run'], { app: { runApp: async () => code } });
    expect(ended).toMatchObject({
      code,
      err: code === 78 ? '  Fix the configuration, then check again: relaykeeper check\n' : '',
    });
  });

  it('a mistake of the app is not taken for an end that was foreseen', async () => {
    const runApp = async () => Promise.reject(new TypeError('x is not a function'));
    await expect(typed(['run'], { app: { runApp } })).rejects.toThrow('x is not a function');
  });
});

describe('plan', () => {
  const stopped = {
    account: 'main',
    taskId: 't1',
    title: '世界杯01',
    group: 'vip',
    state: 'stopped',
    verdict: { kind: 'restart', sentence: 'It would be restarted now.' },
  } as TaskView;
  const waits: TaskView = {
    ...stopped,
    taskId: 't2',
    verdict: { kind: 'wait', reason: 'before-start', until: noon, sentence: 'It starts at noon.' },
  };
  const fine: TaskView = {
    ...stopped,
    taskId: 't3',
    group: null,
    verdict: { kind: 'none', sentence: 'Nobody has it.' },
  };
  const planOnce: App['planOnce'] = async () => ({
    ok: true,
    tasks: [fine, waits, stopped],
    notes: ['one item was malformed', 'a.yaml:1:1: x\n  1 | y'],
    unmatched: ['group vjp: no task'],
    failed: [],
  });

  it('in a pipe: one line a task, restarts first; notes apart from them', async () => {
    const ended = await typed(['plan'], { app: { planOnce } });
    expect(ended).toEqual({
      code: 0,
      out: [
        'main\tt1\t世界杯01\tvip\tstopped\tRESTART\t-\tIt would be restarted now.\n',
        'main\tt2\t世界杯01\tvip\tstopped\tbefore-start\t2026-03-01T12:00:00.000Z\tIt starts at noon.\n',
        'main\tt3\t世界杯01\t-\tstopped\t-\t-\tNobody has it.\n',
      ].join(''),
      err: 'one item was malformed\na.yaml:1:1: x\n  1 | y\ngroup vjp: no task\n',
    });
  });

  it('on a terminal: how many, that nothing was sent, and the next command', async () => {
    const { out } = await typed(['plan'], { terminal: true, app: { planOnce } });
    expect(out).toContain('3 tasks, 2 managed; 1 would be restarted now. Nothing was sent.');
    expect(out).toContain('By verdict: nothing to do 1, before-start 1, restart 1\n');
    expect(out).toContain('start it: relaykeeper run\n');
    const elsewhere = await typed(['plan', '--config', "a b's.yaml"], { terminal: true, app: { planOnce } });
    expect(elsewhere.out).toContain("start it: relaykeeper --config 'a b'\\''s.yaml' run\n");
  });

  it('--json', async () => {
    const { out } = await typed(['plan', '--json'], { app: { planOnce } });
    expect(JSON.parse(out)).toMatchObject({
      tasks: [fine, waits, stopped],
      notes: ['one item was malformed', expect.any(String), 'group vjp: no task'],
      totals: { restart: 1, 'before-start': 1, 'nothing to do': 1 },
    });
  });

  it('fits 80 columns with two accounts, the longest ids and titles', async () => {
    const tasks = [stopped, { ...waits, account: 'lab', taskId: 'f'.repeat(32), title: '世界杯'.repeat(70) }];
    const plan: App['planOnce'] = async () => ({ ok: true, tasks, notes: [], unmatched: [], failed: [] });
    const { out } = await typed(['plan'], { terminal: true, app: { planOnce: plan } });
    const rows = out.split('\n\n')[0]?.split('\n') ?? [];
    expect(rows).toHaveLength(3);
    for (const row of rows) expect(textWidth(row)).toBeLessThanOrEqual(80);
    expect(rows[0]).toMatch(/^ACCOUNT +TITLE +TASK +GROUP +STATE +VERDICT +NEXT$/);
  });

  it('an account that cannot be read is named, the others are planned, and the exit code is 1', async () => {
    const failed = ['account lab: the list could not be read: InvalidAccessKey'];
    const partly: App['planOnce'] = async () => ({ ok: true, tasks: [stopped], notes: [], unmatched: [], failed });
    const ended = await typed(['plan'], { terminal: true, app: { planOnce: partly } });
    expect(ended).toMatchObject({
      code: 1,
      err: `not planned: ${failed[0]}\n  Fix it, then plan again: relaykeeper plan\n`,
    });
    expect(ended.out).toContain('1 would be restarted now. Nothing was sent.');
    expect(ended.out).not.toContain('start it');
    const json = await typed(['plan', '--json'], { app: { planOnce: partly } });
    expect([json.code, JSON.parse(json.out)]).toMatchObject([1, { tasks: [{ taskId: 't1' }], failed }]);
  });

  it('of two real accounts, one of which has no keys, the other is planned', async () => {
    const dead = '{name: dead, credentials: {from: env}}';
    const path = file(
      'two.yaml',
      `accounts: [${dead}, {name: lab, provider: simulator}]\ngroups: [{name: vip}, {name: none}]\nstore: sqlite:${join(folder, 'none.db')}\n`,
    );
    const { code, out, err } = await typed(['plan', '--config', path], { app: { planOnce: planReally } });
    expect(code).toBe(1);
    expect(out.split('\n').filter((row) => row.startsWith('lab\t')).length).toBeGreaterThan(10);
    expect(err).toMatch(/^not planned: account dead: the list could not be read: /m);
    expect(err).toContain('account lab is a PRETEND cloud, made for this command: a running daemon has another\n');
    // It may be the dead account's.
    expect(err).not.toContain('group none');
  });

  it('a plan that cannot be made ends with its own code and every error', async () => {
    const failing: App['planOnce'] = async () => ({ ok: false, exitCode: 78, errors: ['first', 'second'] });
    expect(await typed(['plan'], { app: { planOnce: failing } })).toEqual({
      code: 78,
      out: '',
      err: 'first\nsecond\n  Fix the configuration, then check again: relaykeeper check\n',
    });
  });
});

describe('check', () => {
  it('a good file: how many calls polling will make', async () => {
    const path = file('good.yaml', goodYaml);
    const ended = await typed(['check', '--config', path, '--tasks', '2500']);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(ended.out).toContain(`${path} is good: 1 account(s), 1 group(s)`);
    // 2,500 tasks are 5 pages of 500; 5 calls every 5 s are 1 a second, which leaves 9 of 10 to restarts.
    expect(ended.out).toContain('5 call(s) a poll, every 5s: 1.00 calls a second of 10 (10 %)');
    expect(ended.out).toContain('9.00 restarts a second: all 2500 in 4m38s');
  });

  it('tells where each account finds its keys, and shows none', async () => {
    const accounts =
      'accounts: [{name: main}, {name: sea, provider: byteplus}, {name: sts, credentials: {from: oidc}}]';
    const path = file('keys.yaml', `${accounts}\ngroups: [{name: vip}]\n`);
    const env = {
      VOLC_ACCESSKEY: 'AKsecret1',
      VOLC_SECRETKEY: 'x',
      BYTEPLUS_ACCESS_KEY_ID: 'AKsecret2',
      BYTEPLUS_SECRET_KEY: 'x',
    };
    const { out, err } = await typed(['check', '--config', path], { env });
    expect(out).toContain('account main: accessKeyId from VOLC_ACCESSKEY, secretAccessKey from VOLC_SECRETKEY');
    expect(out).toContain(
      'account sea: accessKeyId from BYTEPLUS_ACCESS_KEY_ID, secretAccessKey from BYTEPLUS_SECRET_KEY',
    );
    expect(out).toContain('account sts: temporary keys from VOLCENGINE_OIDC_ROLE_TRN and VOLCENGINE_OIDC_TOKEN_FILE');
    expect(out + err).not.toContain('AKsecret');
  });

  it('tells when each recurring hold is in force, or when it comes next', async () => {
    const maintenance = (schedule: string, reason: string) =>
      `  - {schedule: "${schedule}", timezone: Asia/Shanghai, for: 45m, match: {}, reason: ${reason}}\n`;
    // It is 20:00 of Sunday in Shanghai.
    const yaml = `${goodYaml}maintenance:\n${maintenance('0 45 19 * * *', 'it goes on')}${maintenance('0 30 3 * * 2', 'it comes')}`;
    const { out } = await typed(['check', '--config', file('maintenance.yaml', yaml)]);
    expect(out).toContain(
      'maintenance-1: held from 2026-03-01T11:45:00.000Z to 2026-03-01T12:30:00.000Z: it goes on\n',
    );
    expect(out).toContain('maintenance-2: held from 2026-03-02T19:30:00.000Z to 2026-03-02T20:15:00.000Z: it comes\n');
  });

  it('tells when ticks are left out, and it is good all the same', async () => {
    const ended = await typed(['check', '--config', file('good.yaml', goodYaml), '--tasks', '100000']);
    expect(ended.code).toBe(0);
    expect(ended.err).toContain('so polls run every 40 s instead of every 5 s');
  });

  it('a bad file: every mistake with its place, exit code 78', async () => {
    const path = file('bad.yaml', goodYaml.replace('groups', 'grups').replace('name: main', 'nam: main'));
    const ended = await typed(['check', '--config', path]);
    expect(ended).toMatchObject({ code: 78, out: '' });
    expect(ended.err).toContain(`${path}:2:13: accounts[0].nam:`);
    expect(ended.err).toContain(`${path}:3:1: grups: no such key: did you mean \`groups\`?`);
  });

  it.each([
    ['good', goodYaml, 0],
    ['bad', 'version: 2', 78],
  ])('--json of a %s file', async (name, yaml, code) => {
    const ended = await typed(['check', '--json', '--config', file(`${name}.yaml`, yaml)]);
    const said = JSON.parse(ended.out) as { ok: boolean; errors: unknown[]; forecast: unknown[] };
    expect(ended).toMatchObject({ code, err: '' });
    expect(said.ok).toBe(code === 0);
    expect(said.errors.length > 0).toBe(code !== 0);
    expect(said.forecast).toHaveLength(code === 0 ? 1 : 0);
  });

  it('a file that is not there', async () => {
    const ended = await typed(['check', '--config', join(folder, 'none.yaml')]);
    expect(ended).toMatchObject({ code: 78, out: '' });
    expect(ended.err).toContain('none.yaml: cannot be read: there is no such file');
  });

  describe('--cloud', () => {
    const pretend = (groups: string) =>
      file(
        'cloud.yaml',
        `accounts: [{name: main, provider: simulator}]\ngroups: [${groups}]\nstore: sqlite:${join(folder, 'none.db')}\n`,
      );
    const check = (groups: string, planOnce: App['planOnce'] = planReally, ...more: readonly string[]) =>
      typed(['check', '--cloud', '--config', pretend(groups), ...more], { app: { planOnce } });

    it('warns of names that no task of the cloud answers to, with the nearest one; that is no mistake', async () => {
      // Only cloud groups that are named are polled; a name is looked for among all the same.
      const groups =
        "{name: vip, match: {cloudGroup: [vpi, news]}}, {name: late, match: {cloudGroup: [news], title: ['*8K*']}}";
      const warnings = [
        'group vip: no task is in a cloud group vpi: did you mean vip?',
        'group late: no task has a title *8K*',
      ];
      // Polled once: both are reported the same.
      let plan: ReturnType<App['planOnce']> | undefined;
      const remembered: App['planOnce'] = (request) => {
        plan ??= planReally(request);
        return plan;
      };
      const { code, out, err } = await check(groups, remembered);
      expect(code).toBe(0);
      for (const warning of warnings) expect(err).toContain(`warning: ${warning}\n`);
      // The demo world has 40 tasks in its cloud group news.
      expect(out).toMatch(/^polled once: 40 tasks$/m);
      const json = await check(groups, remembered, '--json');
      expect(json).toMatchObject({ code: 0, err: '' });
      expect(JSON.parse(json.out)).toMatchObject({ ok: true, cloud: { tasks: 40, warnings, errors: [] } });
    });

    it('says so if all have some, and reaches no cloud without it or with a bad file', async () => {
      const good = await check('{name: vip}');
      expect(good.code).toBe(0);
      expect(good.err).not.toContain('group ');
      expect(good.out).toMatch(/^polled once: [1-9]\d* tasks; every group matches at least one$/m);
      // `typed` rejects whoever asks for an app that it was not given.
      expect((await typed(['check', '--config', pretend('{name: vip}')])).out).not.toContain('polled');
      expect((await typed(['check', '--cloud', '--config', pretend('{nam: vip}')])).code).toBe(78);
    });

    it('a list that cannot be read ends with the code of the plan', async () => {
      const failing: App['planOnce'] = async () => ({ ok: false, exitCode: 1, errors: ['account main: no list'] });
      const ended = await typed(['check', '--cloud', '--config', pretend('{name: rest}')], {
        app: { planOnce: failing },
      });
      expect(ended.code).toBe(1);
      expect(ended.err).toMatch(/^account main: no list$/m);
      expect(ended.out).not.toContain('polled');
    });
  });

  it.each(['-1', 'many', '1000001'])('--tasks %s is wrong usage', async (tasks) => {
    expect((await typed(['check', `--tasks=${tasks}`])).code).toBe(2);
  });
});

describe('simulate', () => {
  const stopAtOnce = { stopped: true };

  it('says where it is and how to use it, and ends when asked to', async () => {
    const ended = await typed(['simulate', '--listen', '127.0.0.1:0', '--seed', '7'], stopAtOnce);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(ended.out).toMatch(/with \d+ tasks \(seed 7\) at http:\/\/127\.0\.0\.1:\d+\n/);
    expect(ended.out).toContain('credentials: {accessKeyId: AKDEMO');
  });

  it('a port that is taken: one line, exit code 1', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const ended = await typed(['simulate', '--listen', `127.0.0.1:${port}`], stopAtOnce);
    await new Promise((resolve) => server.close(resolve));
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toContain(`cannot listen on 127.0.0.1:${port}`);
  });

  it.each([
    ['--listen', ':9850'],
    ['--seed', 'x'],
  ])('%s %s is wrong usage', async (...args) => {
    expect((await typed(['simulate', ...args], stopAtOnce)).code).toBe(2);
  });
});

it('schema prints a JSON Schema that knows the keys', async () => {
  const { code, out } = await typed(['schema']);
  const schema = JSON.parse(out) as { $schema: string; properties: Record<string, unknown> };
  expect(code).toBe(0);
  expect(schema.$schema).toContain('draft-07');
  expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(['accounts', 'groups', 'defaults', 'server']));
});

it('version', async () => {
  expect((await typed(['version'])).out).toBe(`relaykeeper 0.1.0 (node ${process.versions.node})\n`);
  expect(JSON.parse((await typed(['version', '--json'])).out)).toEqual({
    relaykeeper: '0.1.0',
    node: process.versions.node,
  });
});
