import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Event } from '../../src/domain/words/events.ts';
import { createLog, type Log, type LogOptions } from '../../src/telemetry/log.ts';
import { identifier, scrub } from '../../src/telemetry/scrub.ts';
import { at, events, failure, hold, item, withSecret } from './samples.ts';

type Written = Readonly<Record<string, unknown>>;

function capture(over: Partial<LogOptions> = {}): {
  readonly log: Log;
  readonly text: () => string;
  readonly lines: () => Written[];
} {
  let text = '';
  const log = createLog({
    level: 'trace',
    format: 'json',
    now: () => at,
    destination: {
      write(chunk) {
        text += chunk;
      },
    },
    ...over,
  });
  return {
    log,
    text: () => text,
    lines: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Written),
  };
}

const lineFor = (event: Event, over: Partial<LogOptions> = {}): Written => {
  const { log, lines } = capture(over);
  log.record(event);
  const [line] = lines();
  return line ?? {};
};

const time = '2026-01-02T03:04:05.678Z';

describe('an event becomes one line', () => {
  const rows: readonly (readonly [string, Event, Written])[] = [
    [
      'a stopped task, with whom it is about',
      events['outage-opened'],
      {
        level: 'info',
        time,
        event: 'outage-opened',
        account: 'main',
        group: 'vip',
        task: 't1',
        outage: 't1@1',
        firstSight: false,
        msg: 'stopped',
      },
    ],
    [
      "an answer, with the cloud's request id and a duration in ms",
      events['restart-answered'],
      {
        level: 'info',
        time,
        event: 'restart-answered',
        account: 'main',
        group: 'vip',
        task: 't1',
        attempt: 't1#1',
        trigger: 'auto',
        answer: 'accepted',
        requestId: 'REQ1',
        durationMs: 120,
        msg: 'restart accepted',
      },
    ],
    [
      'a refusal, louder',
      { ...events['restart-answered'], answer: { kind: 'refused', failure: failure() } },
      {
        level: 'warn',
        time,
        event: 'restart-answered',
        account: 'main',
        group: 'vip',
        task: 't1',
        attempt: 't1#1',
        trigger: 'auto',
        answer: 'refused',
        class: 'common',
        code: 'CommonErr',
        httpStatus: 200,
        requestId: '20211231152846010225099008082A0F4D',
        error: 'the cloud answered CommonErr',
        durationMs: 120,
        msg: 'restart refused: CommonErr',
      },
    ],
    [
      'a reason, with the time in words and as a field',
      events['restart-withheld'],
      {
        level: 'info',
        time,
        event: 'restart-withheld',
        account: 'main',
        group: 'vip',
        task: 't1',
        reason: 'backoff',
        until: '2026-01-02T03:04:20.678Z',
        msg: 'not restarted: backoff, not before 2026-01-02T03:04:20.678Z',
      },
    ],
    [
      'a reason without an end',
      { ...events['restart-withheld'], reason: 'abandoned', until: Number.POSITIVE_INFINITY },
      {
        level: 'info',
        time,
        event: 'restart-withheld',
        account: 'main',
        group: 'vip',
        task: 't1',
        reason: 'abandoned',
        until: 'never',
        msg: 'not restarted: abandoned, until it is released',
      },
    ],
    [
      'an outage that is over',
      { ...events['outage-ended'], durationMs: 3_723_000 },
      {
        level: 'info',
        time,
        event: 'outage-ended',
        account: 'main',
        group: 'vip',
        task: 't1',
        outage: 't1@1',
        ending: 'recovered',
        durationMs: 3_723_000,
        msg: 'outage over after 1h2m: recovered',
      },
    ],
    [
      'a hold, with what it covers',
      events['hold-added'],
      {
        level: 'info',
        time,
        event: 'hold-added',
        account: 'main',
        group: 'vip',
        hold: 'h1',
        covers: 'group',
        author: 'ann',
        reason: 'maintenance',
        endsAt: '2026-01-02T04:04:05.678Z',
        msg: 'group vip held by ann until 2026-01-02T04:04:05.678Z: maintenance',
      },
    ],
    [
      'a storm of a group',
      events['storm-started'],
      {
        level: 'warn',
        time,
        event: 'storm-started',
        account: 'main',
        group: 'vip',
        by: 'stopped',
        stopped: 90,
        due: 200,
        failures: 0,
        msg: 'storm in group vip: 90 of 200 due tasks are stopped',
      },
    ],
  ];
  test.each(rows)('%s', (_, event, expected) => {
    expect(lineFor(event)).toEqual(expected);
  });

  test.each(Object.values(events))('$type: named, short, without holes', (event) => {
    const line = lineFor(event);
    expect(line).toMatchObject({ event: event.type, account: 'main', time });
    expect(line.msg).toMatch(/^\S.{2,150}$/);
    expect(line.msg).not.toMatch(/undefined|null|NaN|object/);
    for (const [name, value] of Object.entries(line)) {
      expect(['string', 'number', 'boolean'], name).toContain(typeof value);
      if (typeof value === 'number' && /duration|expected|downtime/i.test(name)) expect(name).toMatch(/Ms$/);
    }
  });
});

test('the title is in the line where it is known', () => {
  expect(lineFor(events['task-found'])).toMatchObject({ title: 'Finale' });
  const nameless = { ...events['task-found'], item: { ...events['task-found'].item, title: ' ' } };
  expect(lineFor(nameless)).toMatchObject({ title: nameless.item.taskId });
  expect(lineFor(events['outage-opened'], { titleOf: (account, id) => `${account}/${id}` })).toMatchObject({
    title: 'main/t1',
  });
});

describe('levels', () => {
  test.each([
    ['poll-completed', 'debug'],
    ['outage-opened', 'info'],
    ['restart-failed', 'warn'],
    ['circuit-opened', 'error'],
    ['task-abandoned', 'error'],
    ['time-accounted', 'trace'],
  ] as const)('%s is %s', (type, level) => {
    expect(lineFor(events[type]).level).toBe(level);
  });

  test('a shadow attempt is seen at info, since nothing else tells of it', () => {
    expect(lineFor(events['restart-shadowed'])).toMatchObject({
      level: 'info',
      msg: 'observed only: restart 3 would be sent now',
    });
    expect(lineFor(events['restart-intended']).level).toBe('debug');
  });

  test.each([
    ['backoff', 'info'],
    ['quarantined', 'info'],
    ['held', 'info'],
    ['storm', 'debug'],
    ['verifying', 'debug'],
    ['observing', 'debug'],
  ] as const)('a reason of its own is reported, one that another line says is not: %s is %s', (reason, level) => {
    expect(lineFor({ ...events['restart-withheld'], reason }).level).toBe(level);
  });

  test('an incomplete list: what cannot be read, or what can be wrong with the pages, a bad total among it', () => {
    const last = 'the last 3 polls were incomplete: ';
    expect(lineFor(events['list-incomplete']).msg).toBe(
      `${last}the pages do not add up to the total, or the cloud sends no valid total`,
    );
    const unread = { ...events['list-incomplete'], cloudGroups: ['other'] };
    expect(lineFor(unread)).toMatchObject({ msg: `${last}some cloud groups cannot be read`, cloudGroups: 'other' });
  });

  test('at debug a poll is one line, whatever it brings', () => {
    const { log, lines } = capture({ level: 'debug' });
    for (const type of ['task-seen', 'task-missed', 'time-accounted', 'poll-completed'] as const)
      log.record(events[type]);
    expect(lines().map(({ event }) => event)).toEqual(['poll-completed']);
  });

  test('lines below the level are neither written nor counted, and a reload changes it', () => {
    const counted: string[] = [];
    const { log, lines } = capture({ level: 'warn', onLine: (level) => counted.push(level) });
    log.record(events['outage-opened']);
    log.record(events['restart-failed']);
    log.notice('started', {}, 'hello');
    log.configure({ level: 'info', format: 'json' });
    log.notice('started', {}, 'hello');
    log.notice('config-rejected', {}, 'no');
    expect(lines().map(({ event }) => event)).toEqual(['restart-failed', 'started', 'config-rejected']);
    expect(counted).toEqual(['warn', 'info', 'error']);
  });
});

describe('for people', () => {
  test('a line has time, level, event, whom, and the sentence; what is for machines it has not', () => {
    const { log, text } = capture({ format: 'pretty', titleOf: () => 'Finale' });
    log.record(events['restart-failed']);
    expect(text()).toBe(
      '03:04:05.678 WARN  restart-failed     [main / vip / Finale] the restart failed: CommonErr, 2 in a row\n',
    );
  });

  test('who acted, the hold, the request and the error stand behind a sentence that lacks them', () => {
    const { log, text } = capture({ format: 'pretty' });
    log.record(events['hold-added']);
    log.notice('tick-failed', { error: 'the disk is full' }, 'the ledger could not be saved: the disk is full');
    const [hold, tick] = text().split('\n');
    expect(hold).toMatch(/ hold=h1/);
    expect(tick).toMatch(/saved: the disk is full$/);
  });

  test('colours only where they are asked for', () => {
    const plain = capture({ format: 'pretty' });
    const colourful = capture({ format: 'pretty', colour: true });
    for (const { log } of [plain, colourful]) log.notice('started', { version: '1' }, 'relaykeeper is up');
    expect(plain.text()).toBe('03:04:05.678 INFO  started            relaykeeper is up\n');
    expect(colourful.text()).toContain('\u001b[32mINFO \u001b[0m');
  });

  test('a reload changes the format, and an event stays one line whatever is in it', () => {
    const { log, text } = capture({ format: 'json' });
    log.configure({ level: 'info', format: 'pretty' });
    log.record({ ...events['hold-added'], hold: hold({ reason: 'two\nlines\u001b[31m\r' }) });
    expect(text().split('\n')).toHaveLength(2);
    expect(text()).not.toContain('\u001b');
  });
});

describe('secrets', () => {
  const planted = [
    'rtmp://push.example/live/STREAMKEY?sign=PUSHSECRET',
    'https://user:PASSWORD@cdn.example/live/STREAMKEY.flv?auth=QUERYSECRET',
    'AWS-like secretAccessKey=HIDDENKEY',
    '{"SecretAccessKey":"HIDDENKEY"}',
    'Authorization: HMAC-SHA256 Credential=AKID/x, SignedHeaders=a;b, Signature=0123HIDDEN',
    'x-security-token: TOKENVALUE',
    'postgres://u:DBPASSWORD@db/relaykeeper',
    'plain CONFIGUREDSECRET in a sentence',
  ];
  const leaked = /STREAMKEY|PUSHSECRET|PASSWORD|QUERYSECRET|HIDDEN|TOKENVALUE|CONFIGUREDSECRET|AKID/;

  test.each(planted)('%s, in any text of any event, is written nowhere', (secret) => {
    for (const format of ['json', 'pretty'] as const) {
      const { log, text, lines } = capture({
        format,
        secrets: () => ['CONFIGUREDSECRET'],
        titleOf: () => secret,
      });
      for (const event of Object.values(events)) {
        // Types and reasons are words of ours, which nobody else writes.
        const words = event.type === 'restart-withheld' ? { reason: event.reason } : {};
        log.record({ ...withSecret(event, secret), type: event.type, ...words } as Event);
      }
      log.notice('config-rejected', { error: secret, file: secret }, `cannot be read: ${secret}`);
      expect(text()).not.toMatch(leaked);
      if (format === 'json') expect(lines()).toHaveLength(Object.keys(events).length + 1);
    }
  });

  test('fields that we do not know are not written, whatever an object carries', () => {
    const smuggled = {
      ...events['task-found'],
      SrcAddr: 'STREAMKEY',
      item: { ...item(), SrcAddr: 'STREAMKEY', CallbackURL: 'STREAMKEY' },
    };
    const { log, text } = capture();
    log.record(smuggled);
    log.record({
      ...events['poll-failed'],
      failure: { ...failure(), body: 'STREAMKEY' } as ReturnType<typeof failure>,
    });
    expect(text()).not.toContain('STREAMKEY');
  });

  test.each([
    ['our own addresses stay', 'metrics: http://127.0.0.1:9847/metrics', 'metrics: http://127.0.0.1:9847/metrics'],
    [
      'also within a sentence',
      'see http://127.0.0.1:9847/metrics; or ask',
      'see http://127.0.0.1:9847/metrics; or ask',
    ],
    ['and what only begins so does not', 'see http://host/metrics;key=1!', 'see http://host/***!'],
    [
      'of another address the host stays',
      'GET https://live.example/a/b?c=d failed',
      'GET https://live.example/*** failed',
    ],
    [
      'a configuration error stays',
      'a.yaml:3:5: secretAccessKey: unset variable X',
      'a.yaml:3:5: secretAccessKey: unset variable X',
    ],
    ['a long text is cut', 'x'.repeat(600), `${'x'.repeat(500)}…`],
    ['short configured secrets are not looked for', 'the a in main', 'the a in main'],
  ])('%s', (_, text, expected) => {
    expect(scrub(text, ['a', ''])).toBe(expected);
  });

  test('an identifier is one or is not written', () => {
    expect(identifier('InvalidParam.BindError')).toBe('InvalidParam.BindError');
    expect(identifier('a key with spaces')).toBe('(unreadable)');
  });
});

test('what was written before an exit arrives: the sink is drained', () => {
  const url = new URL('../../src/telemetry/sink.ts', import.meta.url);
  const clockUrl = new URL('../../src/clock.ts', import.meta.url);
  const program = `
    const { openSink } = await import(${JSON.stringify(url.href)});
    const { systemClock: clock } = await import(${JSON.stringify(clockUrl.href)});
    const sink = openSink({ fd: 1, clock });
    for (let i = 0; i < 5000; i++) sink.write(JSON.stringify({ i }) + '\\n');
    await sink.drained(10_000);
    process.exit(0);`;
  const node = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
  const { stdout, status, stderr } = spawnSync(node, ['--input-type=module', '-e', program], { maxBuffer: 1e7 });
  expect(stderr.toString()).toBe('');
  expect(status).toBe(0);
  const lines = stdout.toString().trimEnd().split('\n');
  expect(lines).toHaveLength(5000);
  expect(JSON.parse(lines[4999] ?? '')).toEqual({ i: 4999 });
});
