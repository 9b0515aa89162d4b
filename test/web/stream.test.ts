import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { describe, test as plain } from 'vitest';
import type { Operations } from '../../src/domain/ports/operations-port.ts';
import type { EventView } from '../../src/domain/views/shown.ts';
import { Refusal } from '../../src/domain/words/refusal.ts';
import type { Web } from '../../src/web/server.ts';
import { eventView, events as samples } from '../telemetry/samples.ts';
import { type AtEnd, openWeb } from './fixture.ts';

/** A store that others write to. */
function storeOf(count: number) {
  const stored: EventView[] = [];
  const add = (event: EventView['event'] = samples['task-gone']) => stored.push(eventView(event, stored.length + 1));
  for (let n = 0; n < count; n++) add();
  const events: Operations['events'] = async ({ after = 0, before = Number.POSITIVE_INFINITY, limit, taskId, types }) =>
    stored
      .filter(({ seq }) => seq > after && seq < before)
      .filter(({ event }) => taskId === undefined || ('taskId' in event && event.taskId === taskId))
      .filter(({ event }) => types?.includes(event.type) ?? true)
      .toReversed()
      .slice(0, limit);
  return { add, events };
}

interface Listening {
  readonly status: number;
  readonly call: ClientRequest;
  readonly response: IncomingMessage;
  readonly text: () => string;
  readonly ids: () => readonly number[];
  readonly ended: Promise<void>;
}

function listenIn(
  atEnd: AtEnd,
  web: Web,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const call = get(`${web.url}/api/v1/events/stream${query}`, { agent: false, headers }, (response) => {
      let text = '';
      /** The beginning of a message whose end has not come yet: a piece can end anywhere. */
      let begun = '';
      const ids: number[] = [];
      response.on('data', (chunk: Buffer) => {
        text += chunk;
        const messages = (begun + chunk).split('\n\n');
        begun = messages.pop() ?? '';
        for (const message of messages) ids.push(...[/^id: (\d+)$/m.exec(message)?.[1] ?? []].flat().map(Number));
      });
      response.on('error', () => {});
      const ended = new Promise<void>((over) => response.once('close', () => over()));
      resolve({ status: response.statusCode ?? 0, call, response, text: () => text, ids: () => ids, ended });
    });
    call.on('error', reject);
    atEnd(() => void call.destroy());
  });
}

type Over = Parameters<typeof openWeb>[0];
type Listen = (web: Web, query?: string, headers?: Readonly<Record<string, string>>) => Promise<Listening>;

/** Each has a server of its own, and most wait. */
const test = plain.extend<{
  opened: (over: Over) => ReturnType<typeof openWeb>;
  open: (events: Operations['events'], over?: Over) => ReturnType<typeof openWeb>;
  listen: Listen;
}>({
  opened: ({ onTestFinished }, use) => use((over) => openWeb(over, onTestFinished)),
  open: ({ opened }, use) =>
    use((events, over) => {
      const settledUpTo = async () => (await events({ limit: 1 }))[0]?.seq ?? 0;
      return opened({ tokens: () => [], fake: { events, settledUpTo }, ...over });
    }),
  listen: ({ onTestFinished }, use) => use((...asked) => listenIn(onTestFinished, ...asked)),
});
const within = { interval: 50 };

describe.concurrent('the stream of events', () => {
  test('tells what happens from now on, in order, to each what it asked for', async ({ expect, listen, open }) => {
    const { add, events } = storeOf(3);
    const { web } = await open(events);
    const [all, other, opened] = await Promise.all([
      listen(web),
      listen(web, '?task=t9'),
      listen(web, '?type=outage-opened,outage-ended'),
    ]);
    add();
    add(samples['outage-opened']);
    add({ ...samples['outage-ended'], taskId: 't9' });
    await expect.poll(all.ids, within).toEqual([4, 5, 6]);
    await expect.poll(opened.ids, within).toEqual([5, 6]);
    await expect.poll(other.ids, within).toEqual([6]);
    expect(JSON.parse(/^data: (.*)$/m.exec(other.text())?.[1] ?? '')).toMatchObject({
      seq: 6,
      event: { type: 'outage-ended', taskId: 't9' },
    });
    expect(all.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(all.response.headers).not.toHaveProperty('x-joined');
  });

  test('goes on where a listener left it, each event once, beside one who listens on', async ({
    expect,
    listen,
    open,
  }) => {
    const { add, events } = storeOf(2);
    const { web } = await open(events);
    const stays = await listen(web);
    const goes = await listen(web);
    add();
    await expect.poll(goes.ids, within).toEqual([3]);
    goes.call.destroy();
    add();
    add();
    const back = await listen(web, '', { 'last-event-id': '3' });
    add();
    await expect.poll(back.ids, within).toEqual([4, 5, 6]);
    await expect.poll(stays.ids, within).toEqual([3, 4, 5, 6]);
  });

  test('waits for a number that others were quicker than, and tells both in order', async ({
    expect,
    listen,
    opened,
  }) => {
    const { add, events } = storeOf(4);
    let [hidden, settled] = [[3], 2];
    const { web, calls } = await opened({
      tokens: () => [],
      fake: {
        events: async (query) => (await events(query)).filter(({ seq }) => !hidden.includes(seq)),
        settledUpTo: async () => settled,
      },
    });
    const one = await listen(web);
    await expect.poll(() => calls.filter(([name]) => name === 'settledUpTo').length, within).toBeGreaterThan(2);
    expect(one.ids()).toEqual([]);
    add();
    [hidden, settled] = [[], 5];
    await expect.poll(one.ids, within).toEqual([3, 4, 5]);
    // Who comes back with the number of a settled one gets what lies behind it.
    const back = await listen(web, '', { 'last-event-id': '3' });
    await expect.poll(back.ids, within).toEqual([4, 5]);
  });

  test('says that there is a gap where it would be too much', async ({ expect, listen, open }) => {
    const { add, events } = storeOf(2_000);
    const { web } = await open(events);
    const back = await listen(web, '', { 'last-event-id': '1' });
    await expect.poll(() => back.ids().length, within).toBe(500);
    expect(back.text()).toMatch(/^retry: 2000\n\nevent: gap\ndata: \{\}\n\nid: 1501\n/);
    for (let n = 0; n < 700; n++) add();
    await expect.poll(() => back.text().match(/event: gap/g)?.length, within).toBe(2);
    await expect.poll(() => back.ids().at(-1), within).toBe(2_700);
  });

  test('has room for so many, and for others again when they go', async ({ expect, listen, open }) => {
    const { events } = storeOf(0);
    const { web } = await open(events, { limits: { streams: 2 } });
    const [first] = await Promise.all([listen(web), listen(web)]);
    const third = await listen(web);
    expect(third.status).toBe(503);
    await third.ended;
    expect(JSON.parse(third.text())).toMatchObject({ code: 'busy' });
    first.call.destroy();
    await expect.poll(async () => (await listen(web)).status, within).toBe(200);
  });

  test('drops who does not read; others hear all', async ({ expect, listen, open }) => {
    const { add, events } = storeOf(0);
    const { web } = await open(events);
    const slow = await listen(web);
    slow.response.pause();
    const quick = await listen(web);
    const long = { ...samples['hold-added'], hold: { ...samples['hold-added'].hold, reason: 'x'.repeat(30_000) } };
    let added = 0;
    // What the system's buffers take counts as read: 45 MB do not fit into them.
    for (; added < 1_500; added += 300) {
      for (let n = 0; n < 300; n++) add(long);
      await expect.poll(() => quick.ids().length, within).toBe(added + 300);
    }
    slow.response.resume();
    await slow.ended;
    expect(slow.ids().length).toBeLessThan(added);
    expect(quick.response.closed).toBe(false);
  });

  test('ends after its time, and when the daemon ends', async ({ listen, open }) => {
    const { events } = storeOf(0);
    const { web, close } = await open(events, { limits: { streamSeconds: 1 } });
    await (await listen(web)).ended;
    const longer = await open(events);
    const last = await listen(longer.web);
    await longer.close(15_000);
    await last.ended;
    await close();
  });

  test('does not look into the store while nobody listens', async ({ expect, listen, open }) => {
    const { events } = storeOf(1);
    const { web, calls } = await open(events);
    const one = await listen(web);
    await expect.poll(() => calls.length, within).toBeGreaterThan(2);
    one.call.destroy();
    await expect
      .poll(
        async () => {
          const before = calls.length;
          await new Promise(
            (resolve) => void get(`${web.url}/-/healthy`, { agent: false }, (r) => r.resume().on('end', resolve)),
          );
          await new Promise((resolve) => setTimeout(resolve, 1_500));
          return calls.slice(before).filter(([name]) => name === 'events').length;
        },
        { interval: 50 },
      )
      .toBe(0);
  });

  test('of a name that there is not, is refused before it begins', async ({ expect, listen, open }) => {
    const { events } = storeOf(3);
    const { web } = await open(async (query) => {
      if (query.group === 'vpi') throw new Refusal('not-found', ['no group vpi: did you mean vip?', '没有分组 vpi']);
      return events(query);
    });
    expect((await listen(web, '?group=vpi')).status).toBe(404);
    expect((await listen(web, '?group=vip')).status).toBe(200);
  });

  test('needs what reading needs', async ({ expect, listen, opened }) => {
    const { events } = storeOf(0);
    const { web } = await opened({ fake: { events } });
    expect((await listen(web)).status).toBe(401);
    expect((await listen(web, '', { authorization: 'Bearer read-token-1234' })).status).toBe(200);
    expect((await listen(web, '?tipe=x', { authorization: 'Bearer read-token-1234' })).status).toBe(400);
  });
});
