import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHostMemory, hostOf } from '../../src/cloud/task-hosts.ts';
import {
  createGroupNames,
  listBody,
  parseEnvelope,
  parseGroups,
  parsePage,
  restartBody,
} from '../../src/cloud/wire.ts';
import { envelope, rawTask } from './fixtures.ts';

const context = {
  requestedAt: 1_700_000_000_000,
  onlyGroup: undefined,
  fingerprintKey: 'key-1',
  intern: (text: string) => text,
  secrets: ['AKLTownKey'],
  groupNames: createGroupNames('k'),
  hosts: createHostMemory(),
  known: () => undefined,
};
const page = (list: unknown, over = {}) =>
  parsePage({ List: list, Pagination: { TotalCount: 7 } }, { ...context, ...over });
const first = (fields: Record<string, unknown>, over = {}) => {
  const entry = page([rawTask('t1', fields)], over)?.entries[0];
  if (!entry) throw new Error('the page was not read');
  return entry;
};

test('an item as the cloud gives it, in our words', () => {
  expect(first({ Unheard: { of: 1 } })).toEqual({
    taskId: 't1',
    title: 'title t1',
    cloudGroup: 'vip',
    type: 'live',
    status: 'stopped',
    statusText: '停用',
    startsAt: Date.UTC(2023, 11, 31, 16),
    endsAt: Date.UTC(2024, 0, 7),
    source: expect.stringMatching(/^[0-9a-f]{32}$/),
    requestedAt: 1_700_000_000_000,
  });
});

describe('an item that is known', () => {
  const before = first({}, { requestedAt: 1_600_000_000_000 });
  const shownAgain = (fields: Record<string, unknown>) =>
    first(fields, { known: (taskId: string) => (taskId === 't1' ? before : undefined) });

  test('and shows just what it showed before is that very item', () => expect(shownAgain({})).toBe(before));
  test.each([
    ['status', { Status: '生效中' }],
    ['status of unknown text', { Status: '?' }],
    ['title', { Title: 'other' }],
    ['group', { GroupName: 'other' }],
    ['start', { StartTime: '2024-01-02T00:00:00Z' }],
    ['end', { EndTime: '2025-01-02T00:00:00Z' }],
    ['source', { SrcAddr: 'rtmp://elsewhere/live' }],
    ['type', { Type: 1 }],
  ])('but not with another %s', (_what, fields) => {
    expect(shownAgain(fields)).toEqual(first(fields));
    expect(shownAgain(fields)).toMatchObject({ requestedAt: context.requestedAt });
  });
});

describe('an empty list is written in many ways', () => {
  test.each([
    ['no Result', undefined],
    ['null', null],
    ['no List', {}],
    ['null List', { List: null, Pagination: null }],
    ['an empty List', { List: [], Pagination: { TotalCount: 0 } }],
  ])('%s', (_what, result) => {
    expect(parsePage(result, context)?.entries).toEqual([]);
    expect(parseGroups(result)?.names).toEqual([]);
  });
  test.each([
    ['text', 'x'],
    ['a List that is an object', { List: { 0: rawTask('t') } }],
    ['a Result that is a list', [rawTask('t')]],
  ])('%s is no list', (_what, result) => {
    expect(parsePage(result, context)).toBeUndefined();
    expect(parseGroups(result)).toBeUndefined();
  });
});

describe('status', () => {
  test.each([
    [{ Status: '停用' }, 'stopped', '停用'],
    [{ Status: '未开始' }, 'not-started', '未开始'],
    [{ Status: '生效中' }, 'active', '生效中'],
    [{ Status: '已结束' }, 'ended', '已结束'],
    [{ Status: ' 停用 ' }, 'stopped', ' 停用 '],
    [{ Status: '生效中\u3000' }, 'active', '生效中\u3000'],
    [{ Status: '\t未开始' }, 'not-started', '\\u0009未开始'],
    [{ Status: '停 用' }, 'unknown', '停 用'],
    [{ Status: '审核中\n' }, 'unknown', '审核中\\u000a'],
    [{ Status: '长'.repeat(500) }, 'unknown', '长'.repeat(64)],
    [{ Status: '断流 rtmp://a/live/x?key=1 等待' }, 'unknown', '断流 rtmp://*** 等待'],
    [{ Status: 3 }, 'unknown', '(none)'],
    [{ Status: undefined }, 'unknown', '(none)'],
    // Status speaks; the legacy field only where there is none.
    [{ Status: '生效中', TaskStatus: 0 }, 'active', '生效中'],
    [{ Status: '', TaskStatus: 0 }, 'stopped', 'TaskStatus 0'],
    [{ Status: null, TaskStatus: 1 }, 'not-started', 'TaskStatus 1'],
    [{ Status: undefined, TaskStatus: 2 }, 'active', 'TaskStatus 2'],
    [{ Status: undefined, TaskStatus: 3 }, 'ended', 'TaskStatus 3'],
    [{ Status: undefined, TaskStatus: 4 }, 'unknown', 'TaskStatus 4'],
    [{ Status: undefined, TaskStatus: -1 }, 'unknown', 'TaskStatus -1'],
  ])('%j is %s', (fields, status, statusText) => {
    expect(first(fields)).toMatchObject({ status, statusText });
  });
});

describe('type', () => {
  test.each([
    [{ Type: 0, SrcAddrS: ['x'] }, 'live'],
    [{ Type: 1 }, 'vod'],
    [{ Type: undefined }, 'live'],
    [{ Type: undefined, SrcAddrS: ['https://a/b.mp4'] }, 'vod'],
    [{ Type: 9, VodSrcAddrs: [{ SrcAddr: 'https://a/b.mp4' }] }, 'vod'],
    [{ Type: 9, VodSrcAddrs: [] }, 'live'],
  ])('%j is %s', (fields, type) => expect(first(fields)).toMatchObject({ type }));
});

describe('times', () => {
  test.each([
    ['2024-01-01T00:00:00Z', Date.UTC(2024, 0, 1)],
    ['2024-01-01T00:00:00+08:00', Date.UTC(2023, 11, 31, 16)],
    ['2024-01-01T00:00:00.250Z', Date.UTC(2024, 0, 1) + 250],
    ['2024-01-01T00:00:00+0800', Date.UTC(2023, 11, 31, 16)],
    ['2024-01-01 00:00:00 +0800', Date.UTC(2023, 11, 31, 16)],
    ['2024-01-01 00:00:00.250-03:00', Date.UTC(2024, 0, 1, 3) + 250],
    ['', undefined],
    [null, undefined],
    [undefined, undefined],
    ['0001-01-01T00:00:00Z', undefined],
  ])('%s', (EndTime, endsAt) => expect(first({ EndTime })).toMatchObject({ endsAt }));
});

describe('an item that cannot be read costs itself and names the field, never the value', () => {
  test.each([
    [{ TaskId: undefined }, 'TaskId'],
    [{ TaskId: 7 }, 'TaskId'],
    [{ TaskId: '' }, 'TaskId'],
    [{ TaskId: 'a b' }, 'TaskId'],
    [{ TaskId: 'x'.repeat(129) }, 'TaskId'],
    [{ GroupName: 7 }, 'GroupName'],
    [{ GroupName: 'g'.repeat(257) }, 'GroupName'],
  ])('%j', (fields, malformed) => expect(first(fields)).toEqual({ malformed }));

  test('and not the page', () => {
    const read = page([null, 'x', rawTask('a'), 7, [], rawTask('b')]);
    expect(read?.entries.map((entry) => ('taskId' in entry ? entry.taskId : entry.malformed))).toEqual([
      'item',
      'item',
      'a',
      'item',
      'item',
      'b',
    ]);
  });
});

describe('a field that cannot be read costs no more than itself', () => {
  const isHealed = { taskId: 't1', status: 'stopped', cloudGroup: 'vip' };
  const known = () => ({ ...isHealed, title: 'HOLD', startsAt: 7, endsAt: 9 });
  const rows: [fields: Record<string, unknown>, field: string, unknown: object, asLastRead: object][] = [
    [{ StartTime: '2024-01-01 08:00:00' }, 'StartTime', { startsAt: undefined }, { startsAt: 7 }],
    [{ StartTime: 1_704_067_200 }, 'StartTime', { startsAt: undefined }, { startsAt: 7 }],
    [{ EndTime: { seconds: 1_700_000_000 } }, 'EndTime', { endsAt: undefined }, { endsAt: 9 }],
    [{ EndTime: '2024-13-01T00:00:00Z' }, 'EndTime', { endsAt: undefined }, { endsAt: 9 }],
    [{ Title: { text: 'x' } }, 'Title', { title: '' }, { title: 'HOLD' }],
  ];
  test.each(rows)('%j: %s', (fields, field, unknown, asLastRead) => {
    expect(first(fields)).toMatchObject({ ...isHealed, ...unknown });
    expect(first(fields, { known })).toMatchObject({ ...isHealed, ...asLastRead });
    expect([...(page([rawTask('t0'), rawTask('t1', fields)])?.unread ?? [])]).toEqual([field]);
  });

  test.each([[7], [{ Name: 'vip' }], ['g'.repeat(257)]])(
    'a group %j is that of the list, or as it was read last',
    (GroupName) => {
      expect(first({ GroupName }, { onlyGroup: 'vip' })).toMatchObject(isHealed);
      expect(first({ GroupName }, { known })).toMatchObject(isHealed);
    },
  );
  test('a task whose group the list no longer shows stays in it', () => {
    expect(first({ GroupName: undefined }, { known })).toMatchObject(isHealed);
  });
  test('a time that is given as none is none, whatever it was', () => {
    expect(first({ StartTime: '', EndTime: null }, { known })).toMatchObject({
      startsAt: undefined,
      endsAt: undefined,
    });
  });
});

test('what is unseen in a title is made visible, and it is cut; without one it is empty', () => {
  expect(first({ Title: 'a\u001b[31m\u202eb\r\n\u0000c' })).toMatchObject({
    title: 'a\\u001b[31m\\u202eb\\u000d\\u000a\\u0000c',
  });
  expect(first({ Title: '题'.repeat(10_000) })).toMatchObject({ title: '题'.repeat(256) });
  expect(first({ Title: { a: 1 } })).toMatchObject({ title: '' });
});

test('an item without a group has that of the list if only one was asked for, else none', () => {
  expect(first({ GroupName: undefined }, { onlyGroup: 'vip' })).toMatchObject({ cloudGroup: 'vip' });
  expect(first({ GroupName: null })).toMatchObject({ cloudGroup: '' });
  expect(first({ GroupName: 'own' }, { onlyGroup: 'vip' })).toMatchObject({ cloudGroup: 'own' });
});

describe('the source', () => {
  const source = (fields: Record<string, unknown>, over = {}) => {
    const entry = first({ SrcAddr: undefined, ...fields }, over);
    return 'source' in entry ? entry.source : undefined;
  };
  const a = 'https://a.example/1.mp4';
  const b = 'https://b.example/2.mp4';

  test('is the same whatever the order, the query string and the field it stands in', () => {
    const expected = source({ SrcAddrS: [a, b] });
    expect(source({ SrcAddrS: [b, a] })).toBe(expected);
    expect(source({ SrcAddrS: [`${b}?auth=1`, `${a}?auth=2#x`] })).toBe(expected);
    expect(source({ VodSrcAddrs: [{ SrcAddr: a, StartOffset: 3 }, { SrcAddr: b }] })).toBe(expected);
    expect(source({ SrcAddr: a, SrcAddrS: [b], VodSrcAddrs: null })).toBe(expected);
  });
  test('differs with another address and with another key', () => {
    const expected = source({ SrcAddrS: [a, b] });
    expect(source({ SrcAddrS: [a] })).not.toBe(expected);
    expect(source({ SrcAddrS: [a, a] })).not.toBe(expected);
    expect(source({ SrcAddrS: [a, b] }, { fingerprintKey: 'key-2' })).not.toBe(expected);
  });
  test.each([[{ SrcAddrS: 'x' }], [{ SrcAddr: 7 }], [{ VodSrcAddrs: [null, 7, {}] }]])('%j is none', (fields) => {
    expect(source(fields)).toBe(source({}));
  });
});

test('whatever the cloud sends, reading it does not throw', () => {
  const names = ['TaskId', 'Title', 'GroupName', 'StartTime', 'EndTime', 'Type', 'SrcAddr', 'SrcAddrS', 'VodSrcAddrs'];
  const item = fc.dictionary(fc.constantFrom(...names, 'Status', 'TaskStatus', '__proto__'), fc.jsonValue());
  const result = fc.oneof(
    fc.jsonValue(),
    fc.record({ List: fc.array(fc.oneof(item, fc.jsonValue())), Pagination: fc.jsonValue(), Total: fc.jsonValue() }),
  );
  fc.assert(
    fc.property(result, (result) => {
      const text = JSON.stringify({ ...envelope(), Result: result });
      const read = parseEnvelope(text);
      if (read.kind !== 'parsed') throw new Error('an envelope is an envelope');
      parseGroups(read.result);
      for (const entry of parsePage(read.result, context)?.entries ?? []) {
        if ('malformed' in entry) continue;
        expect(entry.taskId).not.toBe('');
        expect(entry.title.length).toBeLessThanOrEqual(256);
        expect(entry.statusText.length).toBeLessThanOrEqual(64);
      }
    }),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.string(), (text) => void parseEnvelope(text)));
});

describe('an answer is parsed only if its structure is bounded', () => {
  const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const answer = (result: string) => `{"ResponseMetadata":{"RequestId":"0123456789"},"Result":${result}}`;
  test.each([
    ['what an answer has', nested(40), 'parsed'],
    ['nesting without end', nested(100), 'too-complex'],
    ['nesting that never closes', '{"a":'.repeat(100), 'too-complex'],
    ['too many values', `[${'0,'.repeat(300_000)}0]`, 'too-complex'],
    ['too many empty ones', `[${'[],'.repeat(150_000)}[]]`, 'too-complex'],
    ['texts full of brackets', JSON.stringify([`${'['.repeat(400_000)}"\\`, '{,'.repeat(400_000)]), 'parsed'],
  ])('%s', (_what, result, kind) => expect(parseEnvelope(answer(result)).kind).toBe(kind));
});

describe('the envelope', () => {
  const error = (said: unknown, RequestId: unknown = 'r1') =>
    parseEnvelope(JSON.stringify({ ResponseMetadata: { RequestId, Error: said } }));
  test('with and without an error', () => {
    expect(parseEnvelope(JSON.stringify(envelope({ a: 1 })))).toMatchObject({ error: undefined, result: { a: 1 } });
    expect(error({ Code: 'CommonErr', CodeN: 1, Message: 'm' })).toMatchObject({ error: { code: 'CommonErr' } });
    expect(error(null)).toMatchObject({ error: undefined });
    expect(error({})).toMatchObject({ error: { code: undefined } });
    expect(error('broken')).toMatchObject({ error: { code: undefined } });
  });
  test('codes and request ids that do not look like one are not passed on', () => {
    expect(error({ Code: 'rtmp://push/app/key' })).toMatchObject({ error: { code: 'malformed' } });
    expect(error({ Code: 'x'.repeat(10_000) })).toMatchObject({ error: { code: 'malformed' } });
    expect(error({ Code: 'AKLTNjQxOTk3MDFkMzc0NDYy' })).toMatchObject({ error: { code: 'malformed' } });
    expect(error({ Code: 'A' }, 'AKLTNjQxOTk3MDFkMzc0NDYy')).toMatchObject({ requestId: 'malformed' });
    expect(error({ Code: 'NeverHeardOf.It' }, '2021-ab')).toMatchObject({ error: { code: 'NeverHeardOf.It' } });
    expect(error({ Code: 'A' }, 'a\nb')).toMatchObject({ requestId: 'malformed' });
    expect(error({ Code: 'A' }, 7)).toMatchObject({ requestId: undefined });
  });
});

test('cloud groups: deleted ones and those without a name are left out', () => {
  const List = [{ Name: 'a', Status: 0 }, { Name: 'b', Status: 1 }, { Name: '' }, { Name: 'c' }, null, { Name: 7 }];
  expect(parseGroups({ List, Total: 6 })).toEqual({ names: ['a', 'c'], entries: 6, total: 6 });
  const deleted = { Name: 'gone', Status: '1' };
  const odd = [{ toString: 1, valueOf: 1 }, '0', [], '正常', 2, null, true].map((Status, n) => ({
    Name: `${n}`,
    Status,
  }));
  // Usable ones were asked for: of one whose status says nothing the list tells whether it is.
  expect(parseGroups({ List: [deleted, ...odd] })?.names).toEqual(odd.map(({ Name }) => Name));
});

test('bodies', () => {
  expect(listBody([], 1, 500)).toEqual({ Page: 1, Size: 500 });
  expect(listBody(['a'], 2, 20)).toEqual({ GroupNames: ['a'], Page: 2, Size: 20 });
  expect(restartBody({ taskId: 't', cloudGroup: 'vip' })).toEqual({ TaskId: 't', GroupName: 'vip' });
  expect(restartBody({ taskId: 't', cloudGroup: '' })).toEqual({ TaskId: 't' });
});

describe('hosts', () => {
  test.each([
    ['rtmp://push.example.com/app/key', 'push.example.com'],
    ['https://Pull.Example.com:8443/app/stream.flv?sign=1', 'pull.example.com'],
    ['rtmp://user:password@pull.example.com/live', 'pull.example.com'],
    ['srt://203.0.113.7:9000?streamid=#!::r=live/x', '203.0.113.7'],
    ['rtsp://[2001:db8::1]:554/x', '[2001:db8::1]'],
    ['rtmp://pull.example.com', 'pull.example.com'],
    // A password with a slash in it: what is in front of the slash is none's business.
    ['rtmp://user.name:pass/word@pull.example.com/live', undefined],
    ['rtmp://pa.ss/word@pull.example.com/live', undefined],
    ['rtmp://streamkey/live', undefined],
    ['rtmp://pull example.com/live', undefined],
    ['rtmp://AKLTownKey.example.com/live', undefined],
    ['pull.example.com/live', undefined],
    ['', undefined],
    [7, undefined],
  ])('of %s: %s', (address, host) => expect(hostOf(address, ['AKLTownKey'])).toBe(host));

  test('of every source and of the destination, in memory only: the item has none', () => {
    const hosts = createHostMemory();
    const files = ['a', 'b', 'a', 'c', 'd', 'e'].map((name) => ({ SrcAddr: `https://${name}.example.com/f.mp4` }));
    const item = first({ SrcAddr: '', VodSrcAddrs: files }, { hosts });
    expect(hosts.of('t1')).toEqual({
      sources: ['a', 'b', 'c', 'd'].map((name) => `${name}.example.com`),
      destination: 'push.example.com',
    });
    expect(JSON.stringify(item)).not.toContain('example.com');
  });

  test('a task that moved is reported where it is, and one that came from the store too', () => {
    const hosts = createHostMemory();
    const known = first({}, { hosts: createHostMemory() });
    const over = { hosts, known: () => known };
    expect(first({}, over)).toBe(known);
    expect(hosts.of('t1')?.sources).toEqual(['pull.example.com']);
    expect(first({ DstAddr: 'rtmp://other.example.com/app/key' }, over)).toBe(known);
    expect(hosts.of('t1')?.destination).toBe('other.example.com');
  });

  test('of the destination a number, the same for the same address without its query', () => {
    const hosts = createHostMemory();
    const to = (taskId: string, DstAddr: unknown) => ({ ...rawTask(taskId), DstAddr });
    const address = 'rtmp://push.example.com/app/stream';
    page(
      [
        to('a', `${address}?sign=1`),
        to('b', `${address}?sign=2#x`),
        to('other-path', `${address}2`),
        to('other-host', 'rtmp://push2.example.com/app/stream'),
        to('none', ''),
        to('wrong', 7),
      ],
      { hosts },
    );
    const of = (taskId: string) => hosts.destinationOf(taskId);
    expect(of('a')).toEqual(expect.any(Number));
    expect(of('b')).toBe(of('a'));
    expect(new Set(['a', 'other-path', 'other-host'].map(of)).size).toBe(3);
    expect(['none', 'wrong', 'nobody'].map(of)).toEqual([undefined, undefined, undefined]);
    expect(hosts.sharingDestination('b')).toEqual(['a', 'b']);
    expect(['other-path', 'none', 'nobody'].map(hosts.sharingDestination)).toEqual([['other-path'], [], []]);
    const otherKey = createHostMemory();
    page([to('a', address)], { hosts: otherKey, fingerprintKey: 'another' });
    expect(otherKey.destinationOf('a')).not.toBe(of('a'));
  });

  test('tasks with the same hosts share them', () => {
    const hosts = createHostMemory();
    page([rawTask('a'), rawTask('b')], { hosts });
    expect(hosts.of('a')).toBe(hosts.of('b'));
  });

  test('beyond 200,000 tasks those seen first are forgotten, and what comes in their place is its own', () => {
    const hosts = createHostMemory();
    const saw = (n: number) =>
      hosts.saw(
        `t${n}`,
        [`rtmp://pull${n % 7}.example.com/a`],
        { address: 'rtmp://push.example.com/a', fingerprint: n },
        [],
      );
    for (let n = 0; n < 200_000; n++) saw(n);
    // Seen again is nothing new.
    saw(0);
    expect(hosts.knows('t0', 0)).toBe(true);
    for (let n = 200_000; n < 200_003; n++) saw(n);
    const remembered = (n: number) => [hosts.of(`t${n}`)?.sources, hosts.destinationOf(`t${n}`)];
    expect([0, 1, 2].map(remembered)).toEqual(Array.from({ length: 3 }, () => [undefined, undefined]));
    for (const n of [3, 199_999, 200_000, 200_002]) {
      expect(remembered(n)).toEqual([[`pull${n % 7}.example.com`], n]);
      expect(hosts.sharingDestination(`t${n}`)).toEqual([`t${n}`]);
    }
  });
});
