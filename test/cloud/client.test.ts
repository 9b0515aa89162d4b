import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { CompleteObservation, Observation } from '../../src/domain/words/task.ts';
import { item } from '../domain/story.ts';
import { bench, envelope, hastyClock, never, pageOf, rawTask, scripted, send, serve } from './fixtures.ts';

const tasks = (count: number, from = 0) => Array.from({ length: count }, (_, i) => rawTask(`t${from + i}`));
const ids = (observation: { readonly items: readonly { readonly taskId: string }[] }) =>
  observation.items.map(({ taskId }) => taskId).sort();
function complete(observation: Observation): CompleteObservation {
  if (observation.kind !== 'complete') throw new Error(observation.failure.message);
  return observation;
}
const groupsOf = (body: Record<string, unknown>) => (body.GroupNames ?? []) as string[];

describe('a poll', () => {
  test('reads the first page, then more and more at once, each with a permit of the poll lane', async () => {
    const all = tasks(2_234);
    let [open, mostOpen] = [0, 0];
    const transport = scripted((_action, body) => pageOf(all, body));
    const counted = {
      ...transport,
      send: async (...call: Parameters<typeof transport.send>) => {
        mostOpen = Math.max(mostOpen, ++open);
        const outcome = await transport.send(...call);
        open--;
        return outcome;
      },
    };
    const { cloud, gate } = bench(counted, { pageSize: 100 });
    const seen = complete(await cloud.observe(never));
    expect(ids(seen)).toEqual(all.map(({ TaskId }) => TaskId).sort());
    expect(seen).toMatchObject({ drift: false, failedCloudGroups: [], malformedItems: 0 });
    expect(transport.calls.map(({ body }) => body.Page)).toEqual(Array.from({ length: 23 }, (_, i) => i + 1));
    expect(transport.calls[0]?.body).toEqual({ Page: 1, Size: 100 });
    expect(mostOpen).toBe(8);
    expect(gate.lanes).toEqual(Array(23).fill('poll'));
  });

  test('dates each item with the sending of its page', async () => {
    const at: number[] = [];
    const { cloud, clock } = bench(
      scripted((_action, body) => {
        at.push(clock.now());
        return pageOf(tasks(3), body);
      }),
      { pageSize: 2 },
    );
    const seen = complete(await cloud.observe(never));
    for (const { taskId, requestedAt } of seen.items) {
      const answeredAt = at[taskId === 't2' ? 1 : 0] ?? 0;
      expect(requestedAt).toBeLessThanOrEqual(answeredAt);
      expect(requestedAt).toBeGreaterThan(answeredAt - 500);
      expect(requestedAt).toBeGreaterThanOrEqual(seen.startedAt);
    }
    expect(seen.finishedAt).toBeGreaterThanOrEqual(at[1] ?? 0);
  });

  test('fails as a whole if one page fails', async () => {
    const all = tasks(1_000);
    const { cloud } = bench(
      scripted((_action, body) =>
        body.Page === 3 ? envelope(undefined, { Code: 'InvalidParam' }) : pageOf(all, body),
      ),
      { pageSize: 100 },
    );
    expect(await cloud.observe(never)).toMatchObject({ kind: 'failed', failure: { class: 'invalid' } });
  });

  test.each([
    ['no Result', envelope()],
    ['null', { ...envelope(), Result: null }],
    ['a null List', envelope({ List: null, Pagination: { TotalCount: 0 } })],
  ])('of an empty account (%s) is whole and without drift', async (_what, answer) => {
    const transport = scripted(() => answer);
    const seen = await bench(transport).cloud.observe(never);
    expect(seen).toMatchObject({ kind: 'complete', items: [], drift: false, malformedItems: 0 });
    expect(transport.calls).toHaveLength(1);
  });

  test('leaves out and tells items that it cannot read', async () => {
    const list = [rawTask('a'), rawTask('b', { GroupName: 7 }), null, rawTask('c')];
    const { cloud, traces } = bench(scripted((_action, body) => pageOf(list, body)));
    const seen = complete(await cloud.observe(never));
    expect(ids(seen)).toEqual(['a', 'c']);
    expect(seen).toMatchObject({ malformedItems: 2, drift: false });
    const reported = traces.flatMap((trace) => (trace.kind === 'malformed-item' ? [trace.where] : []));
    expect(reported).toEqual(['GroupName', 'item']);
  });

  test('and looks keep a task whose times they cannot read, and tell the field', async () => {
    const list = [rawTask('a'), rawTask('b', { StartTime: 'soon' })];
    const { cloud, traces } = bench(
      scripted((_action, body) => pageOf(list, body)),
      { cloudGroups: ['vip'] },
    );
    const known = (taskId: string) => (taskId === 'b' ? item('b', 'stopped', { startsAt: 7 }) : undefined);
    // The page of the look is the poll's too, when nothing changes.
    const polled = async () => complete(await cloud.observe(never, known)).items;
    const looked = async () => (await cloud.look(['vip'], never, known)).items;
    for (const ask of [polled, looked, polled])
      expect(await ask()).toMatchObject([{ taskId: 'a' }, { taskId: 'b', status: 'stopped', startsAt: 7 }]);
    expect(new Set(traces.flatMap((trace) => (trace.kind === 'unread-field' ? [trace.where] : [])))).toEqual(
      new Set(['StartTime']),
    );
  });

  test('of many pages, aborted amid them, ends with the signal’s reason once: no page fails unheard', async () => {
    const unheard: unknown[] = [];
    const hear = (reason: unknown) => unheard.push(reason);
    process.on('unhandledRejection', hear);
    const controller = new AbortController();
    const all = tasks(40);
    const page = scripted((_action, body) => pageOf(all, body));
    const transport = {
      ...page,
      // Each answer takes some turns of the loop; the twelfth call is the end.
      async send(...call: Parameters<typeof page.send>) {
        for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
        if (page.calls.length === 11) controller.abort(new Error('shutting down'));
        return controller.signal.aborted ? ({ kind: 'aborted', left: true } as const) : page.send(...call);
      },
    };
    const { cloud } = bench(transport, { pageSize: 1 });
    await expect(cloud.observe(controller.signal)).rejects.toThrow('shutting down');
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', hear);
    expect(unheard).toEqual([]);
  });

  test('ends with the signal’s reason when it is aborted', async () => {
    const controller = new AbortController();
    const { cloud, gate } = bench(
      scripted(() => {
        controller.abort(new Error('shutting down'));
        return { kind: 'aborted', left: true };
      }),
    );
    await expect(cloud.observe(controller.signal)).rejects.toThrow('shutting down');
    expect(gate.outcomes).toEqual(['lost']);
  });
});

describe('drift', () => {
  const drifting = async (answer: (body: Record<string, unknown>) => object) =>
    complete(
      await bench(
        scripted((_action, body) => answer(body)),
        { pageSize: 2 },
      ).cloud.observe(never),
    );
  const page = (List: unknown[], TotalCount?: number) => envelope({ List, Pagination: { TotalCount } });

  test('a total that differs between pages', async () => {
    const seen = await drifting(({ Page }) => (Page === 1 ? page(tasks(2), 3) : page(tasks(2, 2), 4)));
    expect(seen.drift).toBe(true);
    expect(ids(seen)).toEqual(['t0', 't1', 't2', 't3']);
  });
  test('a total that grows: the page that is new by it is read too', async () => {
    const seen = await drifting(({ Page }) => page(tasks(2, (Number(Page) - 1) * 2), Page === 1 ? 4 : 6));
    expect(ids(seen)).toHaveLength(6);
    expect(seen.drift).toBe(true);
  });
  test('a task that comes twice: the later sight counts', async () => {
    const seen = await drifting(({ Page }) =>
      Page === 1 ? page(tasks(2), 4) : page([rawTask('t1', { Status: '生效中' }), rawTask('t2')], 4),
    );
    expect(seen.drift).toBe(true);
    expect(seen.items.find(({ taskId }) => taskId === 't1')?.status).toBe('active');
  });
  test.each(['停用', '生效中'])(
    'a task that comes twice: the later sight counts, also if the other (%s) is an item of the poll before',
    async (laterStatus) => {
      const shown = (Status: string) => rawTask('t1', { Status });
      const earlierStatus = laterStatus === '停用' ? '生效中' : '停用';
      let polls = 0;
      const transport = scripted((_action, { Page }) => {
        if (Page === 1) polls++;
        if (polls === 1) return page(Page === 1 ? [rawTask('t0'), shown('生效中')] : tasks(2, 2), 4);
        return page(Page === 1 ? [rawTask('t0'), shown(earlierStatus)] : [shown(laterStatus), rawTask('t2')], 4);
      });
      const { cloud } = bench(transport, { pageSize: 2 });
      const before = new Map(complete(await cloud.observe(never)).items.map((item) => [item.taskId, item]));
      const { items } = complete(await cloud.observe(never, (taskId) => before.get(taskId)));
      expect(items.find(({ taskId }) => taskId === 't1')?.status).toBe(laterStatus === '停用' ? 'stopped' : 'active');
      expect(items.find(({ taskId }) => taskId === 't0')).toBe(before.get('t0'));
    },
  );
  test('fewer tasks than the total', async () => expect((await drifting(() => page(tasks(1), 2))).drift).toBe(true));
  test('more tasks than the total', async () => expect((await drifting(() => page(tasks(2), 1))).drift).toBe(true));
  test('tasks without a total: pages are read until one is empty', async () => {
    const all = tasks(5);
    const seen = await drifting(({ Page, Size }) =>
      page(all.slice((Number(Page) - 1) * Number(Size), Number(Page) * Number(Size))),
    );
    expect(ids(seen)).toEqual(['t0', 't1', 't2', 't3', 't4']);
    expect(seen.drift).toBe(true);
  });
  test('a page that is not full in the middle of the list hides none of the later ones', async () => {
    const seen = await drifting(({ Page, Size }) =>
      page(Page === 2 && Size === 2 ? tasks(1, 2) : tasks(Number(Size), (Number(Page) - 1) * Number(Size)), 60),
    );
    expect(ids(seen)).toHaveLength(60);
    expect(seen.drift).toBe(false);
  });
});

describe('pages over the bound', () => {
  test('a page with more values than are parsed is read in halves', async () => {
    const many = Array.from({ length: 50_000 }, () => ({ SrcAddr: '' }));
    const all = tasks(8).map((task) => ({ ...task, VodSrcAddrs: many }));
    const transport = scripted((_action, { Page, Size }) =>
      envelope({
        List: all.slice((Number(Page) - 1) * Number(Size), Number(Page) * Number(Size)),
        Pagination: { TotalCount: 8 },
      }),
    );
    const { cloud, traces } = bench(transport, { pageSize: 8 });
    const seen = complete(await cloud.observe(never));
    expect([ids(seen).length, seen.drift]).toEqual([8, false]);
    expect(traces).toContainEqual({ kind: 'page-halved', account: 'main', pageSize: 2 });
  });
  /** A cloud whose answers are too large over `most` units; each task weighs one, or what `weights` says. */
  const heavy = (all: ReturnType<typeof tasks>, most: number, weights: Record<string, number> = {}) =>
    scripted((_action, body) => {
      const [page, size] = [Number(body.Page), Number(body.Size)];
      const shown = all.slice((page - 1) * size, page * size);
      const weight = shown.reduce((sum, { TaskId }) => sum + (weights[TaskId] ?? 1), 0);
      return weight > most ? { kind: 'too-large', status: 200 } : pageOf(all, body);
    });

  test('are asked again in halves, each task seen once, and the smaller size is remembered', async () => {
    const all = tasks(20);
    const transport = heavy(all, 8);
    const { cloud, traces } = bench(transport);
    const seen = complete(await cloud.observe(never));
    expect(ids(seen)).toEqual(all.map(({ TaskId }) => TaskId).sort());
    expect(seen).toMatchObject({ drift: false, malformedItems: 0 });
    const halved = traces.flatMap((trace) => (trace.kind === 'page-halved' ? [trace.pageSize] : []));
    expect(halved).toEqual([250, 125, 62, 31, 15, 7]);

    transport.calls.length = 0;
    const again = complete(await cloud.observe(never));
    expect(ids(again)).toHaveLength(20);
    expect(transport.calls.map(({ body }) => body.Size)).toEqual([7, 7, 7]);
  });

  test('a single item over the bound costs itself', async () => {
    const all = tasks(21);
    const { cloud, traces } = bench(heavy(all, 8, { t13: 100 }), { pageSize: 10 });
    const seen = complete(await cloud.observe(never));
    expect(ids(seen)).toEqual(ids({ items: all.filter((t) => t.TaskId !== 't13').map((t) => ({ taskId: t.TaskId })) }));
    expect(seen).toMatchObject({ malformedItems: 1, drift: false });
    expect(traces).toContainEqual({ kind: 'malformed-item', account: 'main', where: 'item too large' });
  });

  test('a single item that is nested without end costs itself', async () => {
    const deep = JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`);
    const all = [...tasks(20), rawTask('nested', { Watermark: deep })];
    const { cloud } = bench(
      scripted((_action, body) => pageOf(all, body)),
      { pageSize: 10 },
    );
    const seen = complete(await cloud.observe(never));
    expect(ids(seen)).toEqual(
      tasks(20)
        .map(({ TaskId }) => TaskId)
        .sort(),
    );
    expect(seen).toMatchObject({ malformedItems: 1, drift: false });
  });

  test('one hot spot in a long list does not make every page small', async () => {
    const all = tasks(10_000);
    const transport = heavy(all, 600, { t4321: 590, t4322: 590 });
    const { cloud } = bench(transport);
    expect(ids(complete(await cloud.observe(never)))).toHaveLength(10_000);
    transport.calls.length = 0;
    expect(ids(complete(await cloud.observe(never)))).toHaveLength(10_000);
    expect(transport.calls[0]?.body.Size).toBe(500);
    expect(transport.calls.length).toBeLessThan(60);
  });

  test('over HTTP: 24 MiB of pictures come in two halves', async () => {
    const picture = 'x'.repeat(2 * 1024 * 1024);
    const all = Array.from({ length: 12 }, (_, i) => rawTask(`t${i}`, { Watermark: { Picture: picture } }));
    const server = await serve((response, { body }) => send(response, 200, pageOf(all, body)));
    const { cloud, gate } = bench(server.url, { pageSize: 12, requestTimeoutMs: 10_000 });
    expect(ids(complete(await cloud.observe(never)))).toHaveLength(12);
    expect(server.requests.map(({ body }) => body.Size)).toEqual([12, 6, 6]);
    expect(gate.outcomes).toEqual(['answered', 'answered', 'answered']);
    await cloud.close();
    await server.close();
  });
});

describe('which cloud groups are asked for', () => {
  /** Tasks by cloud group; groups of `broken` make every list that names them fail. */
  const cloudOf = (groups: Record<string, number>, broken: Record<string, string> = {}) =>
    scripted((action, body) => {
      if (action === 'ListPullToPushGroup') {
        return envelope({
          List: Object.keys(groups).map((Name) => ({ Name, Status: 0 })),
          Total: Object.keys(groups).length,
        });
      }
      const asked = groupsOf(body);
      const code = asked.map((name) => broken[name]).find((said) => said !== undefined);
      if (code) return envelope(undefined, { Code: code });
      const names = asked.length > 0 ? asked : Object.keys(groups);
      const shown = names.flatMap((GroupName) =>
        Array.from({ length: groups[GroupName] ?? 0 }, (_, i) =>
          rawTask(`${GroupName.replace(/[^\w-]/g, '')}-${i}`, { GroupName }),
        ),
      );
      return pageOf(shown, body);
    });
  const asked = (transport: ReturnType<typeof scripted>) => transport.calls.map(({ body }) => body.GroupNames);

  test('all of them without names, if there is a glob', async () => {
    const transport = cloudOf({ vip: 1, other: 1 });
    const { cloud } = bench(transport, { cloudGroups: ['vip', 'sports-*'] });
    expect(ids(complete(await cloud.observe(never)))).toEqual(['other-0', 'vip-0']);
    expect(asked(transport)).toEqual([undefined]);
  });

  test('those of the configuration, each once, if all are named', async () => {
    const transport = cloudOf({ vip: 1, news: 1, other: 1 });
    const { cloud } = bench(transport, { cloudGroups: ['vip', 'news', 'vip'] });
    expect(ids(complete(await cloud.observe(never)))).toEqual(['news-0', 'vip-0']);
    expect(asked(transport)).toEqual([['vip', 'news']]);
  });

  test('with a sub-account and globs: those that the cloud has, read again after a minute', async () => {
    const groups: Record<string, number> = { 'sports-1': 1, 'sports-2': 1, other: 1 };
    const transport = cloudOf(groups);
    const time = { ms: 0 };
    const base = bench(transport);
    const { cloud, gate } = bench(transport, {
      subAccount: true,
      cloudGroups: ['sports-*', 'vip'],
      // Long enough for an answer.
      clock: { ...base.clock, monotonic: () => time.ms, sleep: () => systemClock.sleep(50, never) },
    });
    expect(ids(complete(await cloud.observe(never)))).toEqual(['sports-1-0', 'sports-2-0']);
    expect(transport.calls[0]).toEqual({
      action: 'ListPullToPushGroup',
      body: { PageNum: 1, PageSize: 1_000, StatusList: [0] },
    });
    groups.vip = 1;
    time.ms = 59_000;
    expect(ids(complete(await cloud.observe(never)))).toEqual(['sports-1-0', 'sports-2-0']);
    time.ms = 61_000;
    expect(ids(complete(await cloud.observe(never)))).toEqual(['sports-1-0', 'sports-2-0', 'vip-0']);
    expect(gate.lanes).toEqual(['other', 'poll', 'poll', 'other', 'poll']);
    expect(transport.calls.filter(({ action }) => action === 'ListPullToPushGroup')).toHaveLength(2);
  });

  test('a list of groups that fails keeps the last; one that never was read fails the poll', async () => {
    const state = { down: true };
    const time = { ms: 0 };
    const transport = scripted((action, body) => {
      if (action === 'ListPullToPushGroup' && state.down) return envelope(undefined, { Code: 'AccessDenied' });
      return action === 'ListPullToPushGroup'
        ? envelope({ List: [{ Name: 'vip', Status: 0 }] })
        : pageOf([rawTask('vip-0')], body);
    });
    const { clock } = bench(transport);
    const { cloud } = bench(transport, {
      subAccount: true,
      cloudGroups: ['*'],
      clock: { ...clock, monotonic: () => time.ms },
    });
    expect(await cloud.observe(never)).toMatchObject({ kind: 'failed', failure: { class: 'permission' } });
    state.down = false;
    expect(ids(complete(await cloud.observe(never)))).toEqual(['vip-0']);
    state.down = true;
    time.ms += 61_000;
    expect(ids(complete(await cloud.observe(never)))).toEqual(['vip-0']);
  });

  test.each(['AccessDenied', 'InternalError', 'SomethingNew'])(
    'a list of groups that was never read (%s) costs the groups of its globs, not those of the names',
    async (code) => {
      const said = { code };
      const inner = cloudOf({ vip: 1, 'sports-1': 1 });
      const refusing = scripted(() => envelope(undefined, { Code: said.code }));
      const transport = {
        ...inner,
        send: (...args: Parameters<typeof inner.send>) =>
          (said.code !== '' && args[0].path.includes('ListPullToPushGroup') ? refusing : inner).send(...args),
      };
      // Long enough for an answer.
      const clock = { ...hastyClock(), sleep: () => systemClock.sleep(50, never) };
      const { cloud } = bench(transport, { subAccount: true, cloudGroups: ['sports-*', 'vip'], clock });
      const seen = complete(await cloud.observe(never));
      // What is absent from it says nothing, and polls that do not add up are told.
      expect([ids(seen), seen.drift]).toEqual([['vip-0'], true]);
      said.code = '';
      const next = complete(await cloud.observe(never));
      expect([ids(next), next.drift]).toEqual([['sports-1-0', 'vip-0'], false]);
    },
  );

  test.each([
    [503, 'ServiceUnavailableTemp'],
    [429, 'FlowLimitExceeded'],
    [429, undefined],
  ])(
    'names asked for to advise a person put off no list, though the cloud wants to be left alone (%i %s)',
    async (status, Code) => {
      const body = Buffer.from(JSON.stringify(envelope(undefined, Code === undefined ? undefined : { Code })));
      const inner = cloudOf({ vip: 1 });
      const transport = {
        ...inner,
        send: (...args: Parameters<typeof inner.send>): ReturnType<typeof inner.send> =>
          args[0].path.includes('ListPullToPushGroup')
            ? Promise.resolve({ kind: 'response', status, date: undefined, retryAfter: '60', body })
            : inner.send(...args),
      };
      const { cloud, clock } = bench(transport, { cloudGroups: ['vip'] });
      expect(await cloud.cloudGroups()).toBeUndefined();
      expect(ids(complete(await cloud.observe(never)))).toEqual(['vip-0']);
      expect(clock.slept).toEqual([]);
    },
  );

  test.each<[what: string, answer: (() => object) | undefined]>([
    ['may not be read', () => envelope(undefined, { Code: 'AccessDenied' })],
    ['is not answered', undefined],
    ['has none of the five that it promises', () => envelope({ List: null, Total: 5 })],
    ['has no names', () => envelope({ List: ['vip', 'sports-1'], Total: 2 })],
  ])(
    'while a list of groups %s, those that the configuration names and those of tasks that are remembered are listed',
    async (_what, answer) => {
      let ill = true;
      const inner = cloudOf({ vip: 1, 'sports-1': 1, 'sports-2': 1, 'news-1': 1 });
      const transport = {
        ...inner,
        send: (...args: Parameters<typeof inner.send>): ReturnType<typeof inner.send> => {
          if (!ill || !args[0].path.includes('ListPullToPushGroup')) return inner.send(...args);
          return answer ? scripted(answer).send(...args) : Promise.resolve({ kind: 'lost', why: 'timeout' });
        },
      };
      const time = { ms: 0 };
      const { clock } = bench(transport);
      const { cloud } = bench(transport, {
        subAccount: true,
        cloudGroups: ['vip', 'sports-*'],
        rememberedCloudGroups: () => ['sports-1', 'news-1', ''],
        clock: { ...clock, monotonic: () => time.ms, sleep: () => systemClock.sleep(50, never) },
      });
      for (let poll = 0; poll < 2; poll++) {
        const seen = complete(await cloud.observe(never));
        expect([ids(seen), seen.drift, seen.failedCloudGroups]).toEqual([['sports-1-0', 'vip-0'], true, ['sports-*']]);
        time.ms += 5_000;
      }
      ill = false;
      expect(complete(await cloud.observe(never))).toMatchObject({ drift: false, items: { length: 3 } });
      ill = true;
      time.ms += 61_000;
      expect(complete(await cloud.observe(never))).toMatchObject({ drift: false, items: { length: 3 } });
    },
  );

  test.each([
    ['promises more than it has', { List: [{ Name: 'sports-1', Status: 0 }], Total: 4 }],
    ['says no number', { List: [{ Name: 'sports-1', Status: 0 }] }],
    ['says nothing', {}],
  ])('a list of groups that %s leaves no group of a remembered task unlisted', async (_what, part) => {
    const inner = cloudOf({ vip: 1, 'sports-1': 1, 'sports-2': 1 });
    let result: object | undefined = part;
    const transport = {
      ...inner,
      send: (...args: Parameters<typeof inner.send>): ReturnType<typeof inner.send> =>
        result && args[0].path.includes('ListPullToPushGroup')
          ? scripted((_action, body) => envelope(body.PageNum === 1 ? result : { List: [] })).send(...args)
          : inner.send(...args),
    };
    const time = { ms: 0 };
    const { cloud } = bench(transport, {
      subAccount: true,
      cloudGroups: ['vip', 'sports-*'],
      rememberedCloudGroups: () => ['sports-1', 'sports-2', 'news-1'],
      clock: { ...hastyClock(), monotonic: () => time.ms, sleep: () => systemClock.sleep(50, never) },
    });
    for (let poll = 0; poll < 3; poll++) {
      // A whole one between two.
      result = poll === 1 ? undefined : part;
      const seen = complete(await cloud.observe(never));
      expect([poll, ids(seen), seen.drift]).toEqual([poll, ['sports-1-0', 'sports-2-0', 'vip-0'], poll !== 1]);
      time.ms += 61_000;
    }
  });

  test.each<[what: string, answer: (() => object) | undefined]>([
    ['is not answered', undefined],
    ['fails again and again', () => envelope(undefined, { Code: 'InternalError' })],
    [
      'asks for a minute of patience',
      () => ({ kind: 'response', status: 503, date: undefined, retryAfter: '60', body: Buffer.from('') }),
    ],
  ])('a list of groups that %s keeps no poll waiting once one was read', async (_what, answer) => {
    let ill = false;
    const inner = cloudOf({ vip: 1 });
    const transport = {
      ...inner,
      send: (...args: Parameters<typeof inner.send>): ReturnType<typeof inner.send> => {
        if (!ill || !args[0].path.includes('ListPullToPushGroup')) return inner.send(...args);
        return answer ? scripted(answer).send(...args) : new Promise(() => {});
      },
    };
    const time = { ms: 0 };
    const { clock } = bench(transport);
    const { cloud } = bench(transport, {
      subAccount: true,
      cloudGroups: ['*'],
      clock: { ...clock, monotonic: () => time.ms },
    });
    await cloud.observe(never);
    ill = true;
    clock.slept.length = 0;
    for (let poll = 0; poll < 3; poll++) {
      time.ms += 61_000;
      expect(ids(complete(await cloud.observe(never)))).toEqual(['vip-0']);
    }
    expect(clock.slept.filter((ms) => ms > 250)).toEqual([]);
  });

  test.each(['ResourceNotFound', 'InternalError', 'CommonErr', 'AccessDenied', 'SomethingNew'])(
    'a group that fails (%s) costs its own tasks, and is asked alone until it is well again',
    async (code) => {
      const broken: Record<string, string> = { gone: code };
      const transport = cloudOf({ vip: 1, news: 1, gone: 1 }, broken);
      const time = { ms: 0 };
      const { cloud } = bench(transport, {
        cloudGroups: ['vip', 'gone', 'news'],
        // Longer than any answer takes.
        clock: { ...hastyClock(), monotonic: () => time.ms, sleep: () => systemClock.sleep(3_000, never) },
      });
      const seen = complete(await cloud.observe(never));
      expect(ids(seen)).toEqual(['news-0', 'vip-0']);
      expect(seen.failedCloudGroups).toEqual(['gone']);
      expect(asked(transport)).toEqual([['vip', 'gone', 'news'], ['vip', 'gone'], ['news'], ['vip'], ['gone']]);

      transport.calls.length = 0;
      expect(complete(await cloud.observe(never)).failedCloudGroups).toEqual(['gone']);
      expect(asked(transport)).toEqual([['vip', 'news'], ['gone']]);

      delete broken.gone;
      transport.calls.length = 0;
      for (const minutes of [0, 9, 10, 11]) {
        time.ms = minutes * 60_000;
        expect(complete(await cloud.observe(never)).failedCloudGroups).toEqual([]);
      }
      const apart = [['vip', 'news'], ['gone']];
      expect(asked(transport)).toEqual([...apart, ...apart, ...apart, ['vip', 'gone', 'news']]);
    },
  );

  test('of many groups the failing ones are found by halves', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `g${i}`);
    const transport = cloudOf(Object.fromEntries(names.map((name) => [name, 1])), {
      g3: 'CommonErr',
      g31: 'CommonErr',
    });
    const { cloud } = bench(transport, { cloudGroups: names });
    expect(complete(await cloud.observe(never)).failedCloudGroups).toEqual(['g3', 'g31']);
    expect(transport.calls.length).toBeLessThan(25);
    transport.calls.length = 0;
    expect(complete(await cloud.observe(never)).items).toHaveLength(38);
    expect(transport.calls.map(({ body }) => groupsOf(body).length)).toEqual([38, 1, 1]);
  });

  const few = Array.from({ length: 8 }, (_, i) => `g${i}`);
  const many = Array.from({ length: 50 }, (_, i) => `g${i}`);
  test.each([
    ['every other one of a few', few, 'ResourceNotFound', (i: number) => i % 2 === 1, 3],
    ['every fourth of many', many, 'AccessDenied', (i: number) => i % 4 === 0, 4],
    ['all but one of many', many, 'InternalError', (i: number) => i !== 37, 17],
  ] as const)('%s fails: the others are found, wherever they stand', async (_which, names, code, fails, polls) => {
    const failing = names.filter((_, i) => fails(i));
    const broken = Object.fromEntries(failing.map((name) => [name, code]));
    const { cloud } = bench(cloudOf(Object.fromEntries(names.map((name) => [name, 1])), broken), {
      cloudGroups: names,
    });
    let seen = await cloud.observe(never);
    for (let poll = 1; poll < polls && seen.kind === 'failed'; poll++) seen = await cloud.observe(never);
    expect(complete(seen).failedCloudGroups.toSorted()).toEqual(failing.toSorted());
    expect(complete(seen).items).toHaveLength(names.length - failing.length);
  });

  test('the others do not wait for a group that does not answer, and it is asked for once at a time', async () => {
    const release: (() => void)[] = [];
    const inner = cloudOf({ vip: 1, slow: 1 }, { slow: 'InternalError' });
    let stalls = false;
    const transport = {
      ...inner,
      send: (...args: Parameters<typeof inner.send>) => {
        const asksSlow = stalls && args[0].body.includes('slow');
        return asksSlow
          ? new Promise<Awaited<ReturnType<typeof inner.send>>>((resolve) => {
              release.push(() => void inner.send(...args).then(resolve));
            })
          : inner.send(...args);
      },
    };
    const { cloud } = bench(transport, { cloudGroups: ['vip', 'slow'] });
    expect(complete(await cloud.observe(never)).failedCloudGroups).toEqual(['slow']);
    stalls = true;
    for (let n = 0; n < 3; n++) {
      const seen = complete(await cloud.observe(never));
      expect([ids(seen), seen.failedCloudGroups]).toEqual([['vip-0'], ['slow']]);
    }
    expect(release).toHaveLength(1);
  });

  test('a look leaves out what fails, and asks for it no further', async () => {
    const transport = cloudOf({ vip: 1, gone: 1 }, { gone: 'InternalError' });
    const { cloud } = bench(transport, { cloudGroups: ['vip', 'gone'] });
    await cloud.observe(never);
    transport.calls.length = 0;
    expect(ids(await cloud.look(['vip', 'gone'], never))).toEqual(['vip-0']);
    expect((await cloud.look(['gone'], never)).items).toEqual([]);
    expect(asked(transport)).toEqual([['vip']]);
    expect(cloud.lookCost(['gone'])).toBe(0);
  });

  const away = { kind: 'response', status: 503, date: undefined, retryAfter: '60', body: Buffer.from('') };
  test('groups that ask to stay away are found like others, and each is reported as failed', async () => {
    const transport = scripted((_action, body) =>
      groupsOf(body).some((name) => name > 'g3') ? away : pageOf([rawTask('t', { GroupName: 'g0' })], body),
    );
    const { cloud } = bench(transport, { cloudGroups: few });
    expect(complete(await cloud.observe(never)).failedCloudGroups).toEqual(['g4', 'g5', 'g6', 'g7']);
  });

  test('a cloud that asks to stay away is asked for two halves, and then left alone for so long', async () => {
    const transport = scripted(() => away);
    const time = { ms: 0 };
    const calls: [second: number, groups: number][] = [];
    const send = (...args: Parameters<typeof transport.send>) => {
      const outcome = transport.send(...args);
      calls.push([Math.floor(time.ms / 1_000), groupsOf(transport.calls.at(-1)?.body ?? {}).length]);
      return outcome;
    };
    const sleep = async (ms: number) => {
      time.ms += ms;
    };
    const clock = { ...hastyClock(), monotonic: () => time.ms, sleep };
    const { cloud } = bench({ ...transport, send }, { cloudGroups: few, clock });
    expect(await cloud.observe(never)).toMatchObject({ kind: 'failed' });
    expect(calls.slice(0, 4)).toEqual([
      [0, 8],
      [0, 4],
      [0, 4],
      [60, 8],
    ]);
  });

  test('however long all have failed, neither a poll nor a look asks more in vain', async () => {
    const transport = cloudOf({}, Object.fromEntries(many.map((name) => [name, 'InvalidParam'])));
    const { cloud } = bench(transport, { cloudGroups: many });
    const calls = async (read: () => Promise<unknown>) => {
      transport.calls.length = 0;
      await read();
      return transport.calls.length;
    };
    const look = () => cloud.look(many, never);
    for (let poll = 0; poll < 40; poll++) {
      // The whole list and six parts of it, and patiently once more.
      expect(await calls(() => cloud.observe(never))).toBe(8);
      if (poll % 9 === 0) expect(await calls(look)).toBe(7);
    }
  });

  test.each([3, 17, 40])('after %i polls in vain one group that is still ill is found by halves', async (inVain) => {
    const refused: Record<string, string> = Object.fromEntries(many.map((name) => [name, 'InvalidParam']));
    const transport = cloudOf(Object.fromEntries(many.map((name) => [name, 1])), refused);
    const { cloud } = bench(transport, { cloudGroups: many });
    for (let poll = 0; poll < inVain; poll++) await cloud.observe(never);
    const ill = many[25] ?? '';
    for (const name of many) if (name !== ill) delete refused[name];
    transport.calls.length = 0;
    expect(complete(await cloud.observe(never))).toMatchObject({ failedCloudGroups: [ill] });
    // What did not answer before, what is left in one call, and two calls for each halving of fifty, six times.
    expect(transport.calls.length).toBeLessThanOrEqual(20);
  });

  test('if all fail the poll fails after a few halves, and one more try of the whole', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const transport = cloudOf({}, Object.fromEntries(names.map((name) => [name, 'InvalidParam'])));
    const { cloud } = bench(transport, { cloudGroups: names });
    expect(await cloud.observe(never)).toMatchObject({ kind: 'failed', failure: { code: 'InvalidParam' } });
    const halves = [
      ['a', 'b', 'c'],
      ['d', 'e'],
    ];
    expect(asked(transport)).toEqual([names, ...halves, ['a', 'b'], ['c'], ['d'], ['e'], names]);
  });

  test.each(['FlowLimitExceeded', 'InvalidAccessKey', 'RequestForbidden.BillingStatus'])(
    'a failure of the account (%s) is looked for in its groups only if the next poll fails too',
    async (code) => {
      const transport = cloudOf({ g1: 1 }, { g0: code });
      const names = Array.from({ length: 60 }, (_, i) => `g${i}`);
      const { cloud } = bench(transport, { cloudGroups: names });
      expect(await cloud.observe(never)).toMatchObject({ kind: 'failed', failure: { code } });
      expect(transport.calls).toHaveLength(1);
      expect(complete(await cloud.observe(never))).toMatchObject({ failedCloudGroups: ['g0'] });
      transport.calls.length = 0;
      expect(ids(complete(await cloud.observe(never)))).toEqual(['g1-0']);
      expect(transport.calls.map(({ body }) => groupsOf(body).length)).toEqual([49, 10, 1]);
    },
  );

  test('once none of them answers alone, the poll fails, and both are seen when they answer again', async () => {
    const broken: Record<string, string> = { gone: 'CommonErr' };
    const transport = cloudOf({ vip: 1, gone: 1 }, broken);
    const clock = hastyClock();
    const { cloud } = bench(transport, { cloudGroups: ['vip', 'gone'], clock });
    await cloud.observe(never);
    broken.vip = 'CommonErr';
    expect(await cloud.observe(never)).toMatchObject({ kind: 'failed' });
    delete broken.vip;
    delete broken.gone;
    // Longer than any answer takes.
    clock.sleep = () => systemClock.sleep(3_000, never);
    await cloud.observe(never);
    expect(ids(complete(await cloud.observe(never)))).toEqual(['gone-0', 'vip-0']);
  });

  test('many names are asked in lists of fifty', async () => {
    const names = Array.from({ length: 120 }, (_, i) => `g${i}`);
    const transport = cloudOf(Object.fromEntries(names.map((name) => [name, 1])));
    const { cloud } = bench(transport, { cloudGroups: names });
    expect(complete(await cloud.observe(never)).items).toHaveLength(120);
    expect(transport.calls.map(({ body }) => groupsOf(body).length)).toEqual([50, 50, 20]);
  });

  describe('of more than fifty, a list of which none answers keeps no other from being read', () => {
    const names = Array.from({ length: 160 }, (_, i) => `g${i}`);
    const refusedOf = (fails: (i: number) => boolean) => {
      const broken = Object.fromEntries(names.filter((_, i) => fails(i)).map((name) => [name, 'AccessDenied']));
      return { broken, transport: cloudOf(Object.fromEntries(names.map((name) => [name, 1])), broken) };
    };
    test.each<[which: string, fails: (i: number) => boolean, polls: number]>([
      ['the first', (i) => i < 50, 1],
      ['the last but one', (i) => i >= 100 && i < 150, 1],
      ['the first, and one of the second', (i) => i < 50 || i === 77, 2],
      [
        'the first, the third, and one of the others each',
        (i) => i < 50 || (i >= 100 && i < 150) || i === 77 || i === 151,
        3,
      ],
      ['all but one of the last, which is found when it is searched the third time', (i) => i !== 155, 12],
    ])('%s', async (_which, fails, polls) => {
      const { broken, transport } = refusedOf(fails);
      const { cloud } = bench(transport, { cloudGroups: names });
      let seen = await cloud.observe(never);
      for (let poll = 1; poll < polls; poll++) seen = await cloud.observe(never);
      expect(complete(seen).failedCloudGroups.toSorted()).toEqual(Object.keys(broken).toSorted());
      expect(complete(seen).items).toHaveLength(160 - Object.keys(broken).length);
    });
    test('while nothing answers at all it costs a call for each of them, and none where the cloud asks to stay away', async () => {
      const { transport } = refusedOf(() => true);
      const { cloud } = bench(transport, { cloudGroups: names });
      for (let poll = 0; poll < 20; poll++) {
        transport.calls.length = 0;
        expect(await cloud.observe(never)).toMatchObject({ kind: 'failed' });
        expect(transport.calls.length).toBe(8 + 3);
      }
      const leftAlone = scripted(() => away);
      await bench(leftAlone, { cloudGroups: names }).cloud.observe(never);
      expect(leftAlone.calls.filter(({ body }) => groupsOf(body).includes('g50'))).toEqual([]);
    });
  });

  test('a look lists only the groups concerned, in the verify lane, for the calls that were forecast', async () => {
    const transport = cloudOf({ vip: 25, news: 3, other: 100 });
    const { cloud, gate } = bench(transport, { pageSize: 10 });
    await cloud.observe(never);
    gate.lanes.length = 0;
    const cost = cloud.lookCost(['vip', 'news']);
    const seen = await cloud.look(['vip', 'news'], never);
    expect(seen.items).toHaveLength(28);
    expect(seen.failure).toBeUndefined();
    expect(gate.lanes).toEqual(Array(3).fill('verify'));
    expect(cost).toBe(3);
    expect(cloud.lookCost(['unheard'])).toBe(1);
  });

  test('a group whose name is masked costs what it costs, together with others and when it is asked alone', async () => {
    const hidden = 'vip rtmp://push.example/app/key';
    const fails: Record<string, string> = {};
    const transport = cloudOf({ [hidden]: 25, news: 3, sports: 1 }, fails);
    const { cloud } = bench(transport, { pageSize: 10, cloudGroups: [hidden, 'news', 'sports'] });
    const seen = complete(await cloud.observe(never));
    const shown = seen.items.find(({ cloudGroup }) => cloudGroup.startsWith('vip'))?.cloudGroup ?? '';
    expect(shown).not.toContain('push.example');
    expect(cloud.lookCost([shown])).toBe(3);
    expect(cloud.lookCost([shown, 'news', 'sports'])).toBe(3);
    // Refused while the others answer, it is left to the polls: a look costs what the others cost.
    fails[hidden] = 'ResourceNotFound';
    await cloud.observe(never);
    delete fails[hidden];
    const before = transport.calls.length;
    expect([cloud.lookCost([shown, 'news', 'sports']), cloud.lookCost([shown])]).toEqual([1, 0]);
    await cloud.look([shown, 'news', 'sports'], never);
    expect(transport.calls.length - before).toBe(1);
  });

  test('a look at two groups of which one fails shows the other', async () => {
    const { cloud } = bench(cloudOf({ vip: 1 }, { gone: 'ResourceNotFound' }));
    const seen = await cloud.look(['vip', 'gone'], never);
    expect(ids(seen)).toEqual(['vip-0']);
    expect(seen.failure).toMatchObject({ class: 'not-found' });
  });
});

describe('a restart', () => {
  test('names task and group, and is accepted with the cloud’s request id', async () => {
    const transport = scripted(() => envelope());
    const { restart, gate } = bench(transport);
    expect(await restart('t9', 'vip')).toEqual({ kind: 'accepted', requestId: '20211231152846010225099008082A0F4D' });
    expect(transport.calls).toEqual([{ action: 'RestartPullToPushTask', body: { TaskId: 't9', GroupName: 'vip' } }]);
    expect(gate.outcomes).toEqual(['answered']);
  });

  test.each([
    [{ kind: 'lost', why: 'timeout' }, 'unanswered', 'timeout', 'lost'],
    [{ kind: 'lost', why: 'reset' }, 'unanswered', 'network', 'lost'],
    [{ kind: 'too-large', status: 200 }, 'unanswered', 'server', 'answered'],
    [{ kind: 'never-left', why: 'dns' }, 'not-sent', 'network', 'never-left'],
    [{ kind: 'never-left', why: 'refused' }, 'not-sent', 'network', 'never-left'],
    [{ kind: 'never-left', why: 'tls' }, 'not-sent', 'network', 'never-left'],
    [{ kind: 'never-left', why: 'unreachable' }, 'not-sent', 'network', 'never-left'],
    [{ kind: 'never-left', why: 'timeout' }, 'not-sent', 'timeout', 'never-left'],
  ])('%j is %s, class %s, and is sent once', async (outcome, kind, errorClass, permit) => {
    const transport = scripted(() => outcome);
    const { restart, gate } = bench(transport);
    expect(await restart()).toMatchObject({ kind, failure: { class: errorClass } });
    expect(transport.calls).toHaveLength(1);
    expect(gate.outcomes).toEqual([permit]);
  });

  const gone = (...actions: string[]) =>
    scripted((action) =>
      envelope(undefined, actions.includes(action) ? { Code: 'InvalidActionOrVersion' } : undefined),
    );

  test('of an action that is gone moves to its successor within the call, tells it once and remembers it', async () => {
    const transport = gone('RestartPullToPushTask');
    const { restart, gate, traces } = bench(transport);
    expect(await Promise.all([restart('a'), restart('b')])).toMatchObject([{ kind: 'accepted' }, { kind: 'accepted' }]);
    expect(await restart('c')).toMatchObject({ kind: 'accepted' });
    const [r, c] = ['RestartPullToPushTask', 'ContinuePullToPushTask'];
    expect(transport.calls.map(({ action }) => action)).toEqual([r, r, c, c, c]);
    expect(gate.lanes).toEqual(['restart', 'restart', 'restart', 'restart', 'restart']);
    const reported = traces.filter(({ kind }) => kind === 'action-retired');
    expect(reported).toEqual([{ kind: 'action-retired', account: 'main', from: r, to: c }]);
  });

  test('starts with the successor if that was learned before', async () => {
    const transport = gone();
    await bench(transport, { retiredActions: () => ['RestartPullToPushTask'] }).restart();
    expect(transport.calls[0]?.action).toBe('ContinuePullToPushTask');
  });

  test('is refused if the successor is gone too, or the action is fixed', async () => {
    const both = gone('RestartPullToPushTask', 'ContinuePullToPushTask');
    expect(await bench(both).restart()).toMatchObject({ kind: 'refused', failure: { class: 'retired' } });
    expect(both.calls).toHaveLength(2);
    const fixed = gone('RelaunchPullToPushTask');
    const answer = await bench(fixed, { restartAction: 'RelaunchPullToPushTask' }).restart();
    expect(answer).toMatchObject({ kind: 'refused', failure: { class: 'retired' } });
    expect(fixed.calls.map(({ action }) => action)).toEqual(['RelaunchPullToPushTask']);
  });

  test.each([
    ['the action is gone', 'InvalidActionOrVersion', {}],
    ['the cloud gave its time', 'InvalidTimestamp', {}],
    ['another region may be right', 'SignatureDoesNotMatch', { provider: 'byteplus' }],
  ] as const)('is not sent again when %s, unless the account is still surely ours', async (_, Code, options) => {
    const transport = scripted(() => ({
      kind: 'response',
      status: 400,
      date: new Date(Date.now() + 3_600_000).toUTCString(),
      body: Buffer.from(JSON.stringify(envelope(undefined, { Code }))),
    }));
    const { cloud, gate } = bench(transport, options);
    await new Promise((resolve) => setImmediate(resolve));
    const task = { taskId: 't1', cloudGroup: 'vip' };
    const answer = await cloud.restart(task, gate.permit(), () => false);
    expect(answer).toMatchObject({ kind: 'not-sent', failure: { class: 'network' } });
    expect([transport.calls.length, gate.outcomes]).toEqual([1, ['answered', 'unused']]);
    // And if it is, it is.
    await bench(transport, options).restart();
    expect(transport.calls.length).toBe(1 + 2);
  });

  test('that ends in a mistake of ours gives its permit back: with one a second, none would ever go again', async () => {
    const transport = scripted(() => {
      throw new TypeError('a header that cannot be written');
    });
    const { gate, restart } = bench(transport);
    await expect(restart()).rejects.toThrow('a header');
    expect(gate.outcomes).toEqual(['lost']);
  });

  test('that a mistake of ours keeps from being written gives its permit back', async () => {
    const transport = scripted(() => envelope());
    const { gate, restart } = bench(transport, {
      retiredActions: () => {
        throw new TypeError('nothing is remembered');
      },
    });
    await expect(restart()).rejects.toThrow('nothing is remembered');
    expect([transport.calls, gate.outcomes]).toEqual([[], ['unused']]);
  });

  test('that had to wait for its keys is not sent at all, unless the account is still surely ours', async () => {
    const transport = scripted(() => envelope());
    const { cloud, gate } = bench(transport);
    const answer = await cloud.restart({ taskId: 't1', cloudGroup: 'vip' }, gate.permit(), () => false);
    expect(answer).toMatchObject({ kind: 'not-sent' });
    expect([transport.calls, gate.outcomes]).toEqual([[], ['unused', 'unused']]);
  });
});

describe('a clock that is wrong', () => {
  const skewMs = 20 * 60_000;
  /** Accepts what is signed within a minute of its own time, which is `aheadMs` ahead of this machine's. */
  const strict = (ahead: { ms: number }) =>
    serve((response, { headers, action }) => {
      const said = String(headers['x-date']).replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
      const now = Date.now() + ahead.ms;
      response.setHeader('date', new Date(now).toUTCString());
      if (Math.abs(Date.parse(said) - now) > 60_000) {
        return send(response, 400, envelope(undefined, { Code: 'InvalidTimestamp' }));
      }
      send(response, 200, action.startsWith('List') ? pageOf([rawTask('t')], { Page: 1, Size: 500 }) : envelope());
    });

  test.each([skewMs, -skewMs])('by %i ms is learned in exactly one extra call, and stays learned', async (ms) => {
    const server = await strict({ ms });
    const { cloud, restart, traces } = bench(server.url);
    expect(await cloud.observe(never)).toMatchObject({ kind: 'complete' });
    expect(server.requests).toHaveLength(2);
    expect(Math.abs(cloud.clockOffsetMs() - ms)).toBeLessThan(2_000);
    expect(await restart()).toMatchObject({ kind: 'accepted' });
    expect(await cloud.observe(never)).toMatchObject({ kind: 'complete' });
    expect(server.requests).toHaveLength(4);
    expect(traces.filter(({ kind }) => kind === 'clock-offset')).toHaveLength(1);
    await cloud.close();
    await server.close();
  });

  test('that goes wrong after nine good answers is learned by a restart within its call', async () => {
    const ahead = { ms: 0 };
    const server = await strict(ahead);
    const { cloud, restart, gate } = bench(server.url);
    for (let i = 0; i < 9; i++) await cloud.observe(never);
    expect(cloud.clockOffsetMs()).toBe(0);
    ahead.ms = skewMs;
    server.requests.length = 0;
    gate.lanes.length = 0;
    expect(await restart()).toMatchObject({ kind: 'accepted' });
    expect(server.requests).toHaveLength(2);
    expect(gate.lanes).toEqual(['restart', 'restart']);
    await cloud.close();
    await server.close();
  });

  test('without a Date in the answer nothing can be learned, and nothing is sent again', async () => {
    const transport = scripted(() => ({
      kind: 'response',
      status: 400,
      date: undefined,
      body: Buffer.from(JSON.stringify(envelope(undefined, { Code: 'InvalidTimestamp' }))),
    }));
    expect(await bench(transport).restart()).toMatchObject({ kind: 'refused', failure: { class: 'clock' } });
    expect(transport.calls).toHaveLength(1);
  });
});

test('a hundred thousand tasks fit into little memory', async () => {
  const page = tasks(500).map((task) => ({
    ...task,
    DstAddr: 'x'.repeat(200),
    Watermark: { Picture: 'y'.repeat(200) },
  }));
  const transport = scripted((_action, body) => {
    const number = Number(body.Page);
    const List = page.map((task, i) => ({ ...task, TaskId: `task-${number}-${i}-0123456789abcdef` }));
    return envelope({ List, Pagination: { TotalCount: 100_000 } });
  });
  const { cloud } = bench(transport);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const seen = complete(await cloud.observe(never));
  expect(seen.items).toHaveLength(100_000);
  expect(seen.drift).toBe(false);
  // Raw, the pages are 80 MB of text. What garbage is left by now counts here as well.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 * 1024 * 1024);
});
