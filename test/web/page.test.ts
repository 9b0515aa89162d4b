import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Operations } from '../../src/domain/ports/operations-port.ts';
import type { ExplainView, StatusView } from '../../src/domain/views/shown.ts';
import { type EventType, type Hold, isRecordedType } from '../../src/domain/words/events.ts';
import { type Objection, type ObjectionKind, objectionSentence } from '../../src/domain/words/reason.ts';
import { Refusal } from '../../src/domain/words/refusal.ts';
import { alertRules } from '../../src/mixin/alerts/all.ts';
import { pageRoutes } from '../../src/web/page/addresses.ts';
import { accountView, events, eventView, groupView, hold, taskView } from '../telemetry/samples.ts';
import { openWeb, type Sent, status, tokens } from './fixture.ts';

const nasty = `<script>alert(1)</script>"'&`;
const downTask = taskView('task-1', {
  title: `决赛 ${nasty}`,
  state: 'stopped',
  downSince: 1,
  due: true,
  outage: { id: 'o', since: 1, attempts: 2, activeAt: null },
  verdict: { kind: 'wait', reason: 'backoff', until: 5_000_000, sentence: 'x' },
});

/** What rules can say, one of each. */
const objections: { readonly [Kind in ObjectionKind]: Extract<Objection, { readonly kind: Kind }> } = {
  'no-entry': { kind: 'no-entry' },
  excluded: { kind: 'excluded', entry: 'vip', key: 'title', glob: '*勿动*' },
  ended: { kind: 'ended' },
  'unknown-status': { kind: 'unknown-status', statusText: '升级中' },
  'not-owner': { kind: 'not-owner' },
  'store-fails': { kind: 'store-fails' },
  'nothing-polled': { kind: 'nothing-polled' },
  'poll-too-old': { kind: 'poll-too-old' },
  'not-in-poll': { kind: 'not-in-poll' },
  'list-refused': { kind: 'list-refused', failure: 'AccessDenied' },
  'restarts-refused': { kind: 'restarts-refused', failure: 'network' },
  held: { kind: 'held', author: 'ann', reason: nasty },
  'outside-hours': { kind: 'outside-hours' },
  'before-start': { kind: 'before-start' },
  'near-end': { kind: 'near-end' },
  'too-few-sights': { kind: 'too-few-sights', sights: 1, confirm: 2 },
  observed: { kind: 'observed', why: 'mode', n: 3, at: 9 },
  'in-flight': { kind: 'in-flight' },
  awaited: { kind: 'awaited', said: { answer: 'refused', code: 'InvalidParam' }, awaits: 'next-poll' },
  backoff: { kind: 'backoff', n: 4 },
  throttled: { kind: 'throttled' },
  quarantined: { kind: 'quarantined', row: 8 },
  abandoned: { kind: 'abandoned', row: 80 },
  storm: { kind: 'storm', window: 3 },
};

const fake: Partial<Operations> = {
  status: () => ({
    ...status,
    now: 90_061_000,
    accounts: [accountView({ polledAt: 90_000_000 })],
    groups: [groupView('vip', { down: 1 })],
  }),
  snapshot: () => [{ account: accountView(), groups: [], down: [downTask], managed: [], inCommon: [], ending: [] }],
  tasks: () => ({ tasks: [downTask], more: true }),
  explain: async () => ({
    ...downTask,
    entry: { group: 'vip', excludedBy: null },
    successor: null,
    calls: [],
    rules: Object.values(objections).map((objection) => ({
      reason: 'backoff' as const,
      notBefore: 5_000_000,
      detail: objectionSentence(objection),
      objection,
    })),
    holds: [hold({ reason: nasty })],
    recent: [],
  }),
  events: async () => Object.values(events).map((event, n) => eventView(event, n + 1, nasty)),
  holds: () => [{ ...hold({ reason: nasty }), inForce: true, title: nasty, covers: { tasks: 1, stopped: 1 } }],
  previewHold: () => ({
    account: 'main',
    covers: { tasks: 3, stopped: 1 },
    first: [{ taskId: 'task-1', title: `决赛 ${nasty}`, group: 'vip', stopped: true }],
  }),
  config: () => ({ version: 1, groups: [{ name: 'vip', mode: 'heal', backoff: { initialMs: 5_000 } }] }),
  rejected: () => ({ since: 5, errors: [`a.yaml:3:1: ${nasty}`] }),
};

const origin = (url: string) => ({ origin: url, 'content-type': 'application/x-www-form-urlencoded' });
const reading = [
  '/',
  '/tasks',
  '/tasks/main/task-1',
  '/groups',
  '/holds',
  '/events',
  '/configuration',
  '/runbooks',
  '/sign-in',
];

async function signedIn(scope: string, over: Partial<Operations> = {}) {
  const opened = await openWeb({ fake: { ...fake, ...over } });
  const { web, on } = opened;
  const token = tokens.find((one) => one.scope === scope)?.token ?? '';
  const answer = await on('listen')('POST', '/sign-in', { raw: `token=${token}&to=/tasks`, headers: origin(web.url) });
  const setCookie = String(answer.headers['set-cookie']);
  const cookie = setCookie.split(';')[0] ?? '';
  const send = (method: string, path: string, sent: Sent = {}) =>
    on('listen')(method, path, { ...sent, headers: { cookie, ...sent.headers } });
  return { ...opened, answer, setCookie, token, send };
}

describe('every page', () => {
  test('says what it has, in both languages, and runs nothing of what stands in titles', async () => {
    const { send } = await signedIn('operate');
    for (const language of ['en', 'zh-CN,zh;q=0.9,en;q=0.8', 'fr']) {
      for (const path of reading) {
        const { status: code, text, headers } = await send('GET', path, { headers: { 'accept-language': language } });
        expect(code, path).toBe(200);
        expect(text).toContain(language.startsWith('zh') ? '<html lang="zh-CN">' : '<html lang="en">');
        expect(text, path).not.toContain('<script>');
        expect(text, path).not.toMatch(/undefined|NaN|\[object|Invalid Date/);
        // Nothing inline: the policy would refuse it.
        expect(text, path).not.toMatch(/ style=| on[a-z]+="/);
        expect(headers['content-security-policy']).not.toMatch(/unsafe/);
      }
    }
  });

  test('the runbook has a section where each alert points, open to who has no token', async () => {
    const { on } = await openWeb({ fake });
    const { status: code, text } = await on('listen')('GET', '/runbooks');
    expect(code).toBe(200);
    for (const rule of alertRules()) expect(text).toContain(`<section id="${rule.name.toLowerCase()}">`);
  });

  test('home has the same list of trouble as status, in both languages', async () => {
    const failing = { since: 5, polls: 7, class: 'server', code: null, classes: ['server'], endedAt: null } as const;
    const troubled = { ...status, now: 90_005, accounts: [accountView({ failing })] };
    const { send } = await signedIn('read', {
      status: () => ({ ...troubled, rejected: { since: 5, errors: [`a.yaml:3:1: ${nasty}\n 3 | nam\n`, 'b'] } }),
    });
    for (const [language, polls, rejected] of [
      ['en', 'polls fail', 'the new configuration is rejected; the old one stays in force'],
      ['zh-CN', '轮询连续失败', '新的配置被拒绝，旧的继续生效'],
    ]) {
      const { text } = await send('GET', '/', { headers: { 'accept-language': language ?? '' } });
      expect(text).toContain(`<strong>main</strong>: ${polls} · `);
      expect(text).toContain(
        language === 'en'
          ? '. 7 in a row, server: The cloud failed internally'
          : '. 连续 7 次，server：云端内部出错，或答复无法读取。等待',
      );
      expect(text).toContain(`<li>${rejected} · `);
      expect(text).toMatch(/\. a\.yaml:3:1: &lt;script&gt;[^|]*\(\+1\)</);
    }
  });

  test('home tells what is down, why, since when and what happens next', async () => {
    const { send } = await signedIn('read');
    const { text } = await send('GET', '/');
    expect(text).toContain('✗ 1 down');
    expect(text).toContain('决赛 &lt;script&gt;');
    expect(text).toContain('The last attempt was too recent');
    // Since 1970.
    expect(text).toMatch(/\d{5}d\d+h/);
    const chinese = await send('GET', '/', { headers: { 'accept-language': 'zh' } });
    expect(chinese.text).toContain('距上次尝试太近');
  });

  test('nothing down is said as clearly; nothing known is not taken for it', async () => {
    const groups = [groupView('vip', { down: 0 })];
    const quiet = { snapshot: () => [], status: () => ({ ...status, accounts: [accountView()], groups }) };
    expect((await (await signedIn('read', quiet)).send('GET', '/')).text).toContain(
      '✓ Every task that should be running is',
    );
    const blind = { ...quiet, status: () => ({ ...status, accounts: [accountView({ polledAt: null })], groups: [] }) };
    expect((await (await signedIn('read', blind)).send('GET', '/')).text).toContain('? Nothing is known yet');
  });

  test('an address that is none, a task that is not there: a page for who opens it in a browser, in his language', async () => {
    const missing = async () => {
      throw new Refusal('not-found', ['no task x. These contain it:\n  xy  X', '没有任务 x'], 'relaykeeper tasks x');
    };
    const { send } = await signedIn('read', { explain: missing });
    const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
    for (const [path, language, code, title] of [
      ['/nowhere', 'en', 404, 'There is nothing at this address'],
      ['/nowhere', 'zh-CN', 404, '这个地址没有内容'],
      ['/tasks/main/x/restart', 'en', 405, 'Not possible at this address'],
      ['/tasks/main/x', 'zh-CN', 404, '没有找到'],
      ['/events?type=nonsense&x=1', 'zh-CN', 400, '请求有误'],
    ] as const) {
      const { status: seen, text } = await send('GET', path, { headers: { ...browser, 'accept-language': language } });
      expect(seen, path).toBe(code);
      expect(text).toContain(`<h1 class="bad">✗ ${title}</h1>`);
      expect(text).toContain('<nav');
    }
    // A program gets what programs read.
    for (const [path, headers] of [
      ['/nowhere', { accept: '*/*' }],
      ['/api/v1/nowhere', browser],
    ] as const)
      expect((await send('GET', path, { headers })).json).toMatchObject({ code: 'no-such-address' });
  });

  test('a page that fails, even in saying so, is answered all the same', async () => {
    const failing = () => {
      throw new Error('a mistake of ours');
    };
    const { on, logged: lines } = await openWeb({ fake, tokens: failing });
    for (const path of ['/', '/nowhere']) {
      const answer = await on('listen')('GET', path, { headers: { accept: 'text/html' } });
      expect(answer, path).toMatchObject({ json: { code: path === '/' ? 'failed' : 'no-such-address' } });
    }
    expect(lines.map(({ notice }) => notice)).toContain('request-failed');
  });

  test('the language that somebody chose stays', async () => {
    const { web, on, send } = await signedIn('read');
    const answer = await on('listen')('POST', '/language', { raw: 'lang=zh&to=/tasks', headers: origin(web.url) });
    expect(answer).toMatchObject({ status: 303, headers: { location: '/tasks' } });
    const [chosen = ''] = String(answer.headers['set-cookie']).split(';');
    const own = await send('GET', '/sign-in', { headers: { cookie: chosen, 'accept-language': 'en' } });
    expect(own.text).toContain('lang="zh-CN"');
  });

  test('filters go to the search as they stand in the address, and to the next page', async () => {
    const { send, calls } = await signedIn('read');
    calls.length = 0;
    const { text } = await send('GET', '/tasks?search=%E5%86%B3&group=vip&state=stopped&reason=');
    const asked = { search: '决', group: 'vip', state: 'stopped', limit: 50 };
    expect(calls.find(([name]) => name === 'tasks')?.[1]).toEqual(asked);
    expect(text).toContain('search=%E5%86%B3&amp;group=vip&amp;state=stopped&amp;cursor=');
    expect((await send('GET', '/tasks?state=dead')).status).toBe(400);
  });

  test('the list says how long each is down, where some are', async () => {
    let tasks = [downTask, taskView('task-2', { state: 'active', downSince: null })];
    const { send } = await signedIn('read', { tasks: () => ({ tasks, more: false }) });
    const list = async () => (await send('GET', '/tasks?state=down')).text;
    const cells = [...(await list()).matchAll(/<td data-label="Down for">(.*?)<\/td>/gs)].map(([, cell]) => cell);
    expect(cells).toEqual([expect.stringMatching(/^<strong>\d+d\S*<\/strong> <small><time datetime="1970-01-01T/), '']);
    tasks = tasks.slice(1);
    expect(await list()).not.toContain('Down for');
  });

  test('a chart that has no line yet takes no room: its numbers stand alone', async () => {
    const sample = {
      at: 0,
      down: 3,
      restarts: 0,
      failures: 0,
      callsPerSecond: 0,
      limitPerSecond: 10,
      pollAgeSeconds: 1,
    };
    let past = [sample];
    const { on } = await openWeb({ fake, tokens: () => [], past: { samples: () => past } });
    const home = async () => (await on('listen')('GET', '/')).text;
    expect(await home()).toMatch(/Tasks down: latest 3, max 3/);
    expect(await home()).not.toContain('data-chart');
    past = [sample, { ...sample, at: 60_000 }];
    expect([...(await home()).matchAll(/data-chart/g)]).toHaveLength(4);
  });

  test('a filter stays when another is chosen: the account where there are several, a preset, the changes', async () => {
    const accounts = [accountView(), accountView({ account: 'lab' })];
    const { send } = await signedIn('read', { status: () => ({ ...status, accounts, groups: [groupView('vip')] }) });
    for (const path of ['/tasks', '/events'])
      expect((await send('GET', `${path}?account=lab`)).text).toContain('<option value="lab" selected>lab</option>');
    const preset = 'outage-opened,outage-ended,task-overdue';
    const outages = (await send('GET', `/events?type=${preset}`)).text;
    expect(outages).toContain(`<option value="${preset}" selected>Outages</option>`);
    const changes = (await send('GET', '/events?changes=true&group=vip&account=lab')).text;
    expect(changes).toContain('<input type="hidden" name="changes" value="true">');
    expect(changes).toContain(`/events?account=lab&amp;group=vip&amp;type=${encodeURIComponent(preset)}"`);
    const alone = await signedIn('read');
    expect((await alone.send('GET', '/tasks')).text).not.toContain('name="account"');
  });

  test('assets come from the packages, each of them, and no other file', async () => {
    const { on, send } = await signedIn('read');
    const { text } = await send('GET', '/');
    const files = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
    expect(files.length).toBeGreaterThanOrEqual(7);
    for (const file of files) expect((await on('listen')('GET', file)).status, file).toBe(200);
    for (const file of ['..%2f..%2fpackage.json', 'constructor', 'pages.ts', 'x.js'])
      expect((await on('listen')('GET', `/assets/${file}`)).status, file).toBe(404);
  });

  test('under a prefix all that is linked has it', async () => {
    const { on } = await openWeb({ fake, tokens: () => [], externalUrl: 'https://ops.example/rk/' });
    const { text } = await on('listen')('GET', '/', { headers: { host: 'ops.example' } });
    const links = [...text.matchAll(/(?:src|href|action|hx-get|sse-connect)="(\/[^"]*)"/g)].map(([, path]) => path);
    expect(links.length).toBeGreaterThan(10);
    for (const link of links) expect(link).toMatch(/^\/rk\//);
  });
});

describe('what the Chinese page says', () => {
  const chinese = { headers: { 'accept-language': 'zh-CN' } };
  /** Without what is quoted as it is: codes, names, keys, hosts. */
  const isChinese = (text: string) => /[\u4e00-\u9fff]/.test(text);

  test('every rule, in words of its own', async () => {
    const { send } = await signedIn('read');
    const { text } = await send('GET', '/tasks/main/task-1', chinese);
    const said = [...text.matchAll(/data-label="结论"><strong>([\s\S]*?)<\/strong>/g)].map(([, one]) => one ?? '');
    expect(said).toHaveLength(Object.keys(objections).length);
    for (const one of said) expect(one).toSatisfy(isChinese);
    for (const objection of Object.values(objections)) expect(text).not.toContain(objectionSentence(objection));
    // In the reader's zone here too.
    expect(text).toMatch(/第 3 次重启本会在 <time datetime="1970-01-01T00:00:00.009Z">/);
    expect(text).toContain('被 ann 锁定：&lt;script&gt;');
  });

  test('every runbook: what it means, what to look at, what the commands are for, when it ends', async () => {
    const { on } = await openWeb({ fake });
    const { text } = await on('listen')('GET', '/runbooks', chinese);
    const sections = text.split('<section ').slice(1);
    expect(sections).toHaveLength(alertRules().length);
    for (const section of sections) {
      const paragraphs = [...section.matchAll(/<(?:p|li)>([\s\S]*?)<\/(?:p|li)>/g)].map(([, one]) => one ?? '');
      // The last of the list is PromQL.
      for (const one of paragraphs.filter((one) => !/^<code>[^<]*<\/code>$/.test(one)))
        expect(one).toSatisfy(isChinese);
      for (const [, comment] of section.matchAll(/(?:^|\s)# (.*)$/gm)) expect(comment).toSatisfy(isChinese);
    }
    expect((await on('listen')('GET', '/runbooks')).text).toContain(
      'when no task of the group has been down for so long',
    );
  });
});

describe('what is refused', () => {
  /** As it stands under the title. */
  const paragraphs = (text: string) =>
    [...text.matchAll(/<p(?: class="as-written")?>([\s\S]*?)<\/p>/g)].map(([, one]) => one ?? '');
  const failure = {
    class: 'permission',
    code: 'AccessDenied',
    message: 'no',
    requestId: 'R',
    httpStatus: 403,
  } as const;

  test('is said in the language of the page, whoever refuses it', async () => {
    const { web, send } = await signedIn('operate', {
      restart: async () => ({ task: taskView('task-1', { title: 'Finale' }), answer: { kind: 'refused', failure } }),
      release: async () => {
        throw new Refusal('unavailable', ['not saved', '没有保存'], 'relaykeeper status');
      },
    });
    const { on } = await openWeb({ fake, tokens: () => [] });
    const reader = await signedIn('read');
    const form = (raw: string, from = web.url) => ({ raw, headers: origin(from) });
    const asked: readonly (readonly [string, typeof send, 'GET' | 'POST', string, Sent])[] = [
      ['the cloud', send, 'POST', '/tasks/main/task-1/restart', form('')],
      ['the daemon', send, 'POST', '/tasks/main/task-1/release', form('')],
      ['a length that is none', send, 'POST', '/holds', form('target=account/main&reason=x&for=soon')],
      ['a reason that is missing', send, 'POST', '/holds', form('target=account/main&for=1h')],
      ['a begin that is none', send, 'POST', '/holds', form('target=account/main&reason=x&in=soon')],
      ['a filter that is none', send, 'GET', '/tasks?state=dead&limit=0', {}],
      ['types that are none', send, 'GET', '/events?type=Nonsense', {}],
      ['a name given twice', send, 'GET', '/events?type=a&type=b', {}],
      ['an address that is none', send, 'GET', '/assets/x.js', {}],
      ['a method that is none', send, 'GET', '/tasks/main/task-1/restart', { headers: { accept: 'text/html' } }],
      ['another site', send, 'POST', '/holds', form('target=account/main&reason=x', 'https://evil.example')],
      ['a scope that is too small', reader.send, 'POST', '/holds', form('', reader.web.url)],
      ['that there are no tokens', on('listen'), 'POST', '/holds', {}],
      ['another name', on('listen'), 'GET', '/', { headers: { host: 'evil.example' } }],
    ];
    for (const [who, ask, method, path, sent] of asked) {
      const inLanguage = async (language: string) =>
        paragraphs(
          (await ask(method, path, { ...sent, headers: { ...sent.headers, 'accept-language': language } })).text,
        );
      const english = await inLanguage('en');
      const chinese = await inLanguage('zh-CN');
      expect(english.length, who).toBeGreaterThan(1);
      expect(chinese, who).toHaveLength(english.length);
      for (const one of chinese) expect(one, who).toSatisfy((text: string) => /[\u4e00-\u9fff]/.test(text));
      for (const one of english) expect(one, who).not.toMatch(/[\u4e00-\u9fff]|openapi/);
    }
  });

  test('leads back to where the form was, in another language too', async () => {
    const refuse = async () => {
      throw new Refusal('refused', ['it runs', '它在运行']);
    };
    const { web, send, on } = await signedIn('operate', { restart: refuse, removeHold: refuse });
    for (const [path, back] of [
      ['/tasks/main/task-1/restart', '/tasks/main/task-1'],
      ['/holds/h1/remove', '/holds'],
    ] as const) {
      const { text } = await send('POST', path, { raw: '', headers: origin(web.url) });
      expect(text).toContain(`<a href="${back}">Back</a>`);
      expect(text).toContain(`name="to" value="${back}"`);
    }
    // Who is no longer signed in comes back to it as well.
    const { headers } = await on('listen')('POST', '/tasks/main/task-1/restart', { raw: '', headers: origin(web.url) });
    expect(headers.location).toBe('/sign-in?to=%2Ftasks%2Fmain%2Ftask-1');
  });
});

test('a task has the buttons that can come of something, and they are renewed with it', async () => {
  const task = await fake.explain?.('task-1');
  if (!task) throw new Error('the fake explains nothing');
  const blind = { reason: 'blind', notBefore: 'unknown', detail: '', objection: null } as const;
  const rows: readonly (readonly [string, Partial<ExplainView>, readonly string[]])[] = [
    ['stopped', {}, ['restart']],
    ['given up', { givenUp: 'quarantined' }, ['restart', 'release']],
    ['running', { state: 'active' }, []],
    ['running when it was last seen, too long ago', { state: 'active', rules: [blind] }, ['restart']],
    ['ended', { state: 'ended' }, []],
    ['managed by nobody', { group: null }, []],
    ['gone', { gone: true }, []],
  ];
  let shown: Partial<ExplainView> = {};
  const { send } = await signedIn('operate', { explain: async () => ({ ...task, rules: [], ...shown }) });
  for (const [what, over, buttons] of rows) {
    shown = over;
    const [, live = ''] = (await send('GET', '/tasks/main/task-1')).text.split('<div id="live"');
    const forms = [...live.matchAll(/action="\/tasks\/main\/task-1\/(\w+)"/g)].map(([, act]) => act);
    expect([what, forms]).toEqual([what, buttons]);
  }
});

describe('signing in', () => {
  test('gives a cookie that no script sees, no other site sends, and that is not the token', async () => {
    const { answer, setCookie, token, send } = await signedIn('operate');
    expect(answer).toMatchObject({ status: 303, headers: { location: '/tasks' } });
    expect(setCookie).toMatch(/^relaykeeper=[\w-]{43}; Path=\/; SameSite=Strict; HttpOnly$/);
    expect(setCookie).not.toContain(token);
    expect((await send('GET', '/api/v1/status')).status).toBe(200);
  });

  test('without it every page sends to the sign-in, and back afterwards to here only', async () => {
    const { web, on } = await openWeb({ fake });
    for (const { path } of pageRoutes.filter(({ method, need }) => method === 'get' && need === 'read')) {
      const answer = await on('listen')('GET', path.replace(/\{\w+\}/g, 'x'));
      expect(answer.status).toBe(303);
      expect(answer.headers.location).toMatch(/^\/sign-in\?to=%2F/);
    }
    for (const to of ['//evil.example', 'https://evil.example', '/\\evil.example', 'x', `/a%0d%0aset-cookie:b`]) {
      const raw = `token=read-token-1234&to=${to}`;
      const answer = await on('listen')('POST', '/sign-in', { raw, headers: origin(web.url) });
      expect(answer.headers.location, to).toBe('/');
    }
    const wrong = await on('listen')('POST', '/sign-in', { raw: 'token=nope', headers: origin(web.url) });
    expect(wrong.status).toBe(401);
    expect(wrong.headers).not.toHaveProperty('set-cookie');
    expect(wrong.text).not.toContain('nope');
  });

  test('ends with the token', async () => {
    let current = tokens;
    const { web, on } = await openWeb({ fake, tokens: () => current });
    const raw = 'token=operate-token-1234';
    const answer = await on('listen')('POST', '/sign-in', { raw, headers: origin(web.url) });
    const headers = { cookie: String(answer.headers['set-cookie']).split(';')[0] ?? '' };
    expect((await on('listen')('GET', '/', { headers })).status).toBe(200);
    current = [{ name: 'ann', scope: 'operate', token: 'another' }];
    expect((await on('listen')('GET', '/', { headers })).status).toBe(303);
  });

  test('a form from elsewhere changes nothing', async () => {
    const { send, calls } = await signedIn('admin');
    calls.length = 0;
    const elsewhere: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
      ['another site', { origin: 'https://evil.example' }],
      ['a page of no origin', { origin: 'null' }],
      ['nobody says where', {}],
      ['another port', { origin: 'http://127.0.0.1:1' }],
    ];
    for (const [where, headers] of elsewhere) {
      const form = {
        raw: 'target=account/main&reason=x&confirmed=yes',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      };
      const signIn = { raw: 'token=read-token-1234', headers: form.headers };
      expect((await send('POST', '/holds', form)).status, where).toBe(403);
      expect((await send('POST', '/tasks/main/task-1/restart', form)).status, where).toBe(403);
      expect((await send('POST', '/api/v1/tasks/task-1/restart', { headers })).status, where).toBe(403);
      expect((await send('DELETE', '/api/v1/holds/h1', { headers })).status, where).toBe(403);
      expect((await send('POST', '/sign-in', signIn)).status, where).toBe(403);
    }
    expect(calls.filter(([name]) => name !== 'status')).toEqual([]);
  });

  test('with scope read nothing can be changed, and the page says how', async () => {
    const { web, send, calls } = await signedIn('read');
    expect((await send('GET', '/holds')).text).not.toContain('name="reason"');
    expect((await send('GET', '/tasks/main/task-1')).text).toContain('token of scope operate');
    calls.length = 0;
    const form = { raw: 'target=account/main&reason=x&confirmed=yes', headers: origin(web.url) };
    expect((await send('POST', '/holds', form)).status).toBe(403);
    expect(calls.map(([name]) => name)).not.toContain('addHold');
  });

  test('without tokens the page can be read, and says how to get more', async () => {
    const { on } = await openWeb({ fake, tokens: () => [] });
    // From another machine as well.
    const { status: code, text } = await on('listen')('GET', '/holds', { headers: { host: '10.0.0.5:9847' } });
    expect(code).toBe(200);
    expect(text).toContain('server.tokens');
  });
});

describe('forms', () => {
  test('a hold is shown with what it covers before it is set', async () => {
    const { web, send, calls } = await signedIn('operate');
    const form = (more = '') => ({
      raw: `target=${encodeURIComponent('group/main/vip')}&task=&for=1h30m&reason=${encodeURIComponent(nasty)}${more}`,
      headers: origin(web.url),
    });
    const preview = await send('POST', '/holds', form());
    expect(preview.status).toBe(200);
    expect(preview.text).toContain('决赛');
    expect(calls.map(([name]) => name)).not.toContain('addHold');
    const set = await send('POST', '/holds', form('&confirmed=yes'));
    expect(set).toMatchObject({ status: 303, headers: { location: '/holds' } });
    expect(calls.find(([name]) => name === 'addHold')?.[1]).toEqual({
      account: 'main',
      target: { kind: 'group', group: 'vip' },
      reason: nasty,
      author: 'ann',
      forMs: 5_400_000,
    });
    expect((await send('POST', '/holds/h1/remove', { raw: '', headers: origin(web.url) })).status).toBe(303);
    expect(calls.find(([name]) => name === 'removeHold')).toEqual(['removeHold', 'h1', 'ann']);
  });

  test('restart and release are asked as the operations are, and what they refuse is said', async () => {
    const refuse = async () => {
      throw new Refusal('refused', [`held by ${nasty}`, `被锁定：${nasty}`]);
    };
    const { web, send, calls } = await signedIn('operate', { release: refuse });
    const sent = { raw: 'force=yes', headers: origin(web.url) };
    expect(await send('POST', '/tasks/main/task-1/restart', sent)).toMatchObject({ status: 303 });
    expect(calls.find(([name]) => name === 'restart')).toEqual([
      'restart',
      'task-1',
      { account: 'main', by: 'ann', force: true },
    ]);
    const refused = await send('POST', '/tasks/main/task-1/release', sent);
    expect(refused.status).toBe(409);
    expect(refused.text).toContain('held by &lt;script&gt;');
  });

  test('one that is too large is refused before it is read', async () => {
    const { web, send, calls } = await signedIn('operate');
    const raw = `target=account/main&confirmed=yes&reason=${'x'.repeat(20_000)}`;
    const answer = await send('POST', '/holds', { raw, headers: origin(web.url) });
    expect(answer.status).toBe(413);
    expect(answer.text).not.toContain('xxxx');
    expect(calls.map(([name]) => name)).not.toContain('addHold');
  });

  test('what is missing or wrong in a form is said', async () => {
    const { web, send } = await signedIn('operate');
    for (const raw of [
      'target=account/main',
      'target=account/main&reason=x&for=soon',
      'target=task/main&task=&reason=x',
      // Who names a task does not mean the whole account.
      'target=account/main&task=task-1&reason=x',
      '',
    ]) {
      const answer = await send('POST', '/holds', { raw, headers: origin(web.url) });
      expect(answer.status, raw).toBe(400);
      expect(answer.text).toContain('the form is wrong');
    }
  });
});

describe('what stands on top of home', () => {
  const accounts = [accountView()];
  const groups = (over: Parameters<typeof groupView>[1] = {}) => [
    groupView('vip', { down: 0, quarantined: 0, apart: { held: 0, 'outside-hours': 0, observed: 0 }, ...over }),
  ];
  const states = { active: 10, stopped: 0, not_started: 0, overdue: 0, ended: 0, unknown: 0 };
  const at = { ...status, now: 90_000_000, accounts: [accountView({ polledAt: 90_000_000 })] };
  const slow = { since: 5, polls: 7, class: 'server', code: null, classes: ['server'], endedAt: null } as const;
  const open = { since: 5, class: 'billing', code: null, message: 'x' } as const;
  const rows: readonly (readonly [string, Partial<StatusView>, RegExp])[] = [
    ['all is well', { groups: groups({ states }) }, /class="good">✓ Every task that should be running is/],
    [
      'what has not started counts as well',
      { groups: groups({ states: { ...states, overdue: 2 } }) },
      /class="bad">✗ 2 not started in time/,
    ],
    [
      'while polls fail nobody knows',
      { groups: groups({ states }), accounts: [accountView({ failing: slow })] },
      /class="">\? No task is known to be down/,
    ],
    [
      'an open restart circuit hides nothing',
      { groups: groups({ states }), accounts: [accountView({ circuits: { list: null, restart: open } })] },
      /✓ Every task that should be running is[\s\S]*Restart circuit open/,
    ],
    [
      'no group has a task',
      { groups: groups({ states: { ...states, active: 0 } }) },
      /class="">\? No task is watched: no group has one/,
    ],
    [
      'nothing polled yet',
      { groups: groups({ states }), accounts: [accountView({ polledAt: null })] },
      /\? Nothing is known/,
    ],
    [
      'one of two accounts not polled yet',
      { groups: groups({ states }), accounts: [...at.accounts, accountView({ polledAt: null })] },
      /class="">\? No task is known to be down/,
    ],
    [
      'what is left alone on purpose is counted apart, with the way to it',
      { groups: groups({ states, apart: { held: 3, 'outside-hours': 2, observed: 1 } }) },
      /✓ Every task[\s\S]*reason=held"><strong class="">3<\/strong> held[\s\S]*>2<\/strong> outside their hours[\s\S]*>1<\/strong> only observed/,
    ],
  ];
  // One web for all rows: to open one takes longer than to ask it.
  test('is the worst of all, and what is not known is not taken for well', async () => {
    let shown: Partial<StatusView> = {};
    const { send } = await signedIn('read', { snapshot: () => [], status: () => ({ ...at, accounts, ...shown }) });
    for (const [what, over, top] of rows) {
      shown = over;
      expect((await send('GET', '/')).text, what).toMatch(top);
    }
  });
});

describe('while the store cannot be read', () => {
  const down = async () => {
    throw new Refusal('unavailable', ['the history cannot be read: the disk is full', '无法读取历史']);
  };

  test('each page shows all else, and says so', async () => {
    const { send } = await signedIn('operate', { events: down });
    for (const path of ['/tasks/main/task-1', '/holds', '/configuration', '/events']) {
      const { status: code, text } = await send('GET', path);
      expect(code, path).toBe(200);
      expect(text).toContain('✗ What happened cannot be read: the store fails.');
      expect(text).toMatch(/<form method="post"|"version": 1|Type/);
    }
  });

  test('nobody is said to own an account, and nothing is said to go at once', async () => {
    const stands = {
      ...downTask,
      verdict: { kind: 'wait' as const, reason: 'standby' as const, until: 5, sentence: 'x' },
    };
    const { send } = await signedIn('read', {
      status: () => ({
        ...status,
        now: 90_061_000,
        store: { kind: 'postgres', up: false, failingSince: 5 },
        accounts: [accountView({ owned: false })],
      }),
      snapshot: () => [{ account: accountView(), groups: [], down: [stands], managed: [], inCommon: [], ending: [] }],
    });
    const { text } = await send('GET', '/');
    expect(text).toContain('<td data-label="Owner">not known</td>');
    expect(text).toContain('<td data-label="Next attempt">as soon as that is over</td>');
  });
});

describe('a task that runs', () => {
  const runs = async () => {
    const task = await fake.explain?.('task-1');
    if (!task) throw new Error('the fake explains nothing');
    return { ...task, state: 'active' as const, downSince: null, verdict: { kind: 'none' as const, sentence: 'x' } };
  };

  test('is not said to be kept from a restart: the rules are for the case that it stops', async () => {
    const { send } = await signedIn('read', { explain: runs });
    const { text } = await send('GET', '/tasks/main/task-1');
    expect(text).toContain('<h2>If it stopped now</h2>');
    expect(text).not.toContain('Why it is not restarted now');
  });

  test('is said to run as the last poll saw it, with what has been in the way of polls since', async () => {
    const failing = { since: 5, polls: 7, class: 'server', code: null, classes: ['server'], endedAt: null } as const;
    const accounts = [accountView({ failing }), accountView({ account: 'second', suspectSince: 5 })];
    const store = { kind: 'sqlite', up: false, failingSince: 5 } as const;
    const rejected = { since: 5, errors: ['a.yaml:3:1: nam'] };
    const troubled = { ...status, now: 90_005, accounts, store, rejected };
    const { send } = await signedIn('read', { explain: runs, status: () => troubled });
    const { text } = await send('GET', '/tasks/main/task-1');
    expect(text).toMatch(/<h2 id="trouble">Trouble<\/h2>[\s\S]*polls fail/);
    expect(text).toContain('the store fails, so relaykeeper restarts nothing');
    expect(text).not.toContain('too many tasks to be trusted');
    // That is in nobody's way.
    expect(text).not.toContain('a.yaml');
  });
});

test('a policy is shown as the file has it, key by key, each with where it comes from', async () => {
  const config = {
    groups: [
      { name: 'vip', mode: 'heal', backoff: { initialMs: 90_000, jitterPercent: 25 }, budget: false, hours: [] },
    ],
    policyOrigins: {
      vip: { mode: 'built-in', 'backoff.initial': 'group', 'backoff.jitter': 'built-in', budget: 'defaults' },
    },
  };
  const { send } = await signedIn('read', { config: () => config });
  const { text } = await send('GET', '/groups');
  // A column in which nothing stands takes the place of one that says something.
  expect([...text.matchAll(/<th scope="col">(.*?)<\/th>/g)].map(([, head]) => head)).toEqual(
    expect.arrayContaining(['active', 'stopped', 'not started', 'ended']),
  );
  expect(text).not.toMatch(/<th scope="col">(?:overdue|unknown)<\/th>/);
  const rows = [...text.matchAll(/<code>(.*?)<\/code>[\s\S]*?<\/tr>/g)].map(([row]) =>
    row
      .replaceAll(/<[^>]*>/g, ' ')
      .trim()
      .split(/\s+/)
      .join(' '),
  );
  expect(rows).toEqual([
    'mode heal built in',
    'backoff.initial 1m30s the group',
    'backoff.jitter 25 built in',
    'budget false defaults',
    'hours [] built in',
  ]);
});

test('a long page is made piece by piece, so that a restart waits for none of it', async () => {
  let pieces = 0;
  const pause = () => {
    pieces++;
    return systemClock.yield();
  };
  const of = <T>(n: number, make: (name: string) => T) => Array.from({ length: n }, (_, i) => make(`n${i}`));
  const long: Partial<Operations> = {
    status: () => ({ ...status, groups: of(1_000, (name) => groupView(name)) }),
    config: () => ({ groups: of(200, (name) => ({ name, mode: 'heal' })) }),
    holds: () => of(1_000, (id) => ({ ...hold(), id, inForce: true, title: null, covers: { tasks: 1, stopped: 0 } })),
    events: async () => of(1_000, (id) => eventView({ ...events['task-gone'], taskId: id }, 1)),
    tasks: () => ({ tasks: of(500, (id) => taskView(id)), more: true }),
  };
  const { on } = await openWeb({ fake: long, clock: { ...systemClock, yield: pause } });
  for (const [path, least] of [
    ['/groups', 1_000 / 100 + 200],
    ['/holds', 1_000 / 100],
    ['/events?limit=1000', 1_000 / 100],
    ['/tasks?limit=500', 500 / 100],
  ] as const) {
    pieces = 0;
    expect((await on('socket')('GET', path)).text.match(/<tr>/g)?.length, path).toBeGreaterThanOrEqual(500);
    expect(pieces, path).toBeGreaterThanOrEqual(least);
  }
});

test('events are shown by name, with the title of their task and a sentence, in both languages', async () => {
  const { send } = await signedIn('read');
  const english = (await send('GET', '/events')).text;
  expect(english).toMatch(/✗ Restart failed[\s\S]*决赛|✗ Restart failed[\s\S]*&lt;script/);
  expect(english).toMatch(/☞ Hold set/);
  // A moment within a sentence is one that the browser puts into the reader's zone.
  expect(english).toMatch(/not before <time datetime="/);
  const chinese = (await send('GET', '/events', { headers: { 'accept-language': 'zh' } })).text;
  for (const name of Object.keys(events)) expect(chinese, name).not.toMatch(new RegExp(`>${name}<`));
  expect(chinese).not.toMatch(/undefined|NaN|null/);
});

test('a hold among the events says what it covers, in both languages', async () => {
  const on = (target: Hold['target']) => eventView({ ...events['hold-added'], hold: hold({ target }) }, 1, null);
  const told3 = [on({ kind: 'title', title: '世界杯*' }), on({ kind: 'account' }), on({ kind: 'group', group: 'vip' })];
  const { send } = await signedIn('read', { events: async () => told3 });
  for (const [language, words] of [
    ['en', ['titles <bdi>世界杯*</bdi>', 'Account main', 'Group vip (main)']],
    ['zh', ['标题 <bdi>世界杯*</bdi>', '账号 main', '分组 vip (main)']],
  ] as const) {
    const { text } = await send('GET', '/events', { headers: { 'accept-language': language } });
    for (const one of words) expect(text).toContain(`>${one}</td>`);
  }
});

test('only types that are kept can be chosen', async () => {
  const { send } = await signedIn('read');
  const [, select = ''] = /<select name="type">([\s\S]*?)<\/select>/.exec((await send('GET', '/events')).text) ?? [];
  const offered = [...select.matchAll(/value="([^"]+)"/g)].map(([, type]) => type as EventType);
  expect(offered).toContain('outage-opened');
  expect(offered.filter((type) => !isRecordedType(type))).toEqual([]);
});

test('with several accounts holds and what ends soon say in which; one of the file was set by nobody', async () => {
  const recurring = {
    kind: 'match',
    match: { account: ['*'], cloudGroup: ['vip'], title: ['*'], type: ['live'], exclude: { title: [], taskId: [] } },
  } as const;
  const view = { title: null, inForce: false, covers: { tasks: 1, stopped: 0 } };
  const ending = { group: 'vip', taskId: 't9', title: 'Nine', cloudGroup: 'vip', endsAt: 9e12 };
  const { send } = await signedIn('read', {
    holds: () => [{ ...hold({ account: 'lab', target: recurring, createdAt: 9e12 - 1, startsAt: 9e12 }), ...view }],
    status: () => ({
      ...status,
      accounts: [accountView(), accountView({ account: 'lab' })],
      ending: [{ ...ending, account: 'lab' }],
    }),
  });
  const { text } = await send('GET', '/holds');
  expect(text).toContain('<td data-label="Account">lab</td>');
  expect(text).toContain('<td data-label="Author">ann</td>');
  expect((await send('GET', '/')).text).toMatch(/Ending soon[\s\S]*Nine[\s\S]*<td data-label="Account">lab<\/td>/);
});

test('a planned hold is shown in Chinese with its begin and what it covered, as in English', async () => {
  const added = {
    ...events['hold-added'],
    hold: hold({ startsAt: 8e12, endsAt: 9e12 }),
    covers: { tasks: 3, stopped: 1 },
  };
  const { send } = await signedIn('read', { events: async () => [eventView(added, 1, null)] });
  const { text } = await send('GET', '/events', { headers: { 'accept-language': 'zh' } });
  expect(text).toMatch(/（从 <time [\s\S]*?<\/time> 到 <time [\s\S]*?<\/time>）[\s\S]*3 个任务，其中 1 个停用/);
});

describe('a hold by the form', () => {
  const form = (more: string) => `target=title%2Fmain&task=${encodeURIComponent('世界杯*')}&reason=x${more}`;
  const row = async (raw: string) => {
    const { web, send, calls } = await signedIn('operate');
    const answer = await send('POST', '/holds', { raw, headers: origin(web.url) });
    return { answer, calls };
  };

  test('on titles, planned, until somebody removes it', async () => {
    const before = Date.now();
    const { calls } = await row(form('&in=2h&for=&confirmed=yes'));
    const [, asked] = calls.find(([name]) => name === 'addHold') ?? [];
    expect(asked).toMatchObject({ account: 'main', target: { kind: 'title', title: '世界杯*' }, forMs: undefined });
    const { startsAt } = asked as { startsAt: number };
    expect(startsAt - before).toBeGreaterThanOrEqual(7_200_000);
    expect(startsAt - before).toBeLessThan(7_260_000);
  });

  test('is on the group that was chosen, also where its name has slashes', async () => {
    const names = ['sports', 'sports/vip', 'a/b/c/', '/', 'a\u2028b'];
    const groups = names.map((name) => groupView(name));
    const { web, send, calls } = await signedIn('operate', {
      status: () => ({ ...status, accounts: [accountView()], groups }),
    });
    const offered = [...(await send('GET', '/holds')).text.matchAll(/<option value="(group[^"]*)"/g)];
    for (const [, value = ''] of offered)
      await send('POST', '/holds', {
        raw: `target=${encodeURIComponent(value)}&reason=x&confirmed=yes`,
        headers: origin(web.url),
      });
    const asked = calls.flatMap(([name, request]) => (name === 'addHold' ? [request] : []));
    expect(asked).toMatchObject(names.map((group) => ({ account: 'main', target: { kind: 'group', group } })));
  });

  test('shows how many it covers and some of them; nothing is set', async () => {
    const { answer, calls } = await row(form('&in=2h&for=1h'));
    expect(answer.text).toContain('This hold covers: 3 tasks, 1 stopped');
    expect(answer.text).toContain('… 2 more');
    expect(answer.text).toContain('name="in" value="2h"');
    expect(answer.text).toContain('Begins in: 2h · How long: 1h');
    expect(calls.map(([name]) => name)).not.toContain('addHold');
  });

  test('that begins in no length of time is refused', async () => {
    expect((await row(form('&in=soon&for=1h'))).answer).toMatchObject({ status: 400 });
  });

  test('can be made longer by an hour; one of the configuration cannot', async () => {
    const recurring = {
      kind: 'match',
      match: { account: ['*'], cloudGroup: ['*'], title: ['*'], type: ['live'], exclude: { title: [], taskId: [] } },
    } as const;
    const view = { title: null, inForce: true, covers: { tasks: 1, stopped: 0 } };
    const holds = [
      { ...hold({ reason: 'x', endsAt: 9e12 }), ...view },
      { ...hold({ id: 'file', target: recurring, endsAt: 9e12 }), ...view },
    ];
    const { web, send, calls } = await signedIn('operate', { holds: () => holds });
    const { text } = await send('GET', '/holds');
    expect(text.match(/action="\/holds\/[^"]*\/(?:extend|remove)"/g)).toHaveLength(2);
    expect(text).toContain('recurring, from the configuration');
    const sent = { raw: 'for=1h', headers: origin(web.url) };
    expect(await send('POST', '/holds/h1/extend', sent)).toMatchObject({ status: 303 });
    expect(calls.find(([name]) => name === 'extendHold')).toEqual(['extendHold', 'h1', { forMs: 3_600_000 }, 'ann']);
  });
});

test('what ends with nobody to follow is on home; a task says which entry keeps it out, and who follows it', async () => {
  const ending = {
    account: 'main',
    group: 'vip',
    taskId: 't9',
    title: nasty,
    cloudGroup: 'vip',
    endsAt: 90_061_000 + 3_600_000,
  };
  const task: Partial<ExplainView> = {
    group: null,
    entry: { group: 'vip', excludedBy: { key: 'title', glob: `*HOLD ${nasty}*` } },
    endsAt: 9e12,
    successor: { taskId: 'next-1', title: 'Next <b>' },
  };
  const explained = await fake.explain?.('task-1');
  if (!explained) throw new Error('the fake explains nothing');
  const { send } = await signedIn('read', {
    status: () => ({ ...status, now: 90_061_000, accounts: [accountView()], ending: [ending] }),
    explain: async () => ({ ...explained, ...task }),
  });
  const home = (await send('GET', '/')).text;
  // A hold is shown also while nothing that it covers is stopped.
  expect(home).toContain('<a href="/holds"><strong>1</strong> Holds</a>');
  expect(home).toMatch(/Ending soon[\s\S]*&lt;script&gt;[\s\S]*<strong>in /);
  const { text } = await send('GET', '/tasks/main/task-1');
  expect(text).toContain('<code>exclude.title *HOLD &lt;script&gt;');
  expect(text).toMatch(/then <a class="title" href="\/tasks\/main\/next-1"[^>]*><bdi>Next &lt;b&gt;<\/bdi>/);
});
