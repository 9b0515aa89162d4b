import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import { type Door, openDoor } from '../../src/simulator/door.ts';
import type { Effect } from '../../src/simulator/faults.ts';
import { addFault, createWorld, setParameters } from '../../src/simulator/world.ts';
import { type Ask, aTask, hour, mainKey, restartOf, signed } from './signed.ts';

const doors: Door[] = [];
afterEach(async () => {
  for (const door of doors.splice(0)) await door.close();
});

async function open() {
  const now = Date.now();
  const watch = vi.fn<(arrival: Arrival) => void>();
  const times = { startsAt: now - hour, endsAt: now + hour };
  const world = createWorld({
    seed: 1,
    now,
    watch,
    keys: [mainKey],
    parameters: { limits: { accountPerSecond: 1000, actionPerSecond: {} } },
    tasks: [aTask('one', times), aTask('dead', { ...times, stopped: true, life: { startsInMs: [0, 0] } })],
  });
  const door = await openDoor({ world, clock: systemClock, port: 0 });
  doors.push(door);
  return { world, door, watch };
}

const v2: Ask = { action: 'ListPullToPushTaskV2' };

/** One request by fetch; the body is read to its end. */
async function send(door: Door, call: Ask, signal = AbortSignal.timeout(5000)) {
  const { method, target, headers, body } = signed(call, Date.now());
  const response = await fetch(door.url + target, {
    method,
    headers,
    signal,
    body: method === 'GET' ? undefined : body,
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const struck = async (effect: Effect, call = v2) => {
  const { world, door } = await open();
  addFault(world, { effect });
  return { world, door, end: await send(door, call).catch((error: unknown) => error) };
};

/** Why fetch failed, as undici names it. */
const causeOf = (error: unknown) => (error as { cause?: { code?: string } }).cause?.code;

describe('over HTTP', () => {
  test('lists and restarts', async () => {
    const { door, watch } = await open();
    const { status, headers, text } = await send(door, v2);
    expect([status, headers.get('content-type'), JSON.parse(text).Result.List.length]).toEqual([
      200,
      'application/json; charset=utf-8',
      2,
    ]);
    await send(door, restartOf('dead'));
    expect((await send(door, v2)).text).not.toContain('停用');
    expect(watch.mock.calls.map(([{ action }]) => action)).toEqual([
      'ListPullToPushTaskV2',
      'RestartPullToPushTask',
      'ListPullToPushTaskV2',
    ]);
  });

  test('the Date header is the cloud’s clock', async () => {
    const { world, door } = await open();
    setParameters(world, { clockOffsetMs: -hour });
    const { status, headers } = await send(door, v2);
    expect(status).toBe(400);
    expect(Math.abs(Date.parse(headers.get('date') ?? '') - (Date.now() - hour))).toBeLessThan(3000);
  });

  test('latency is really waited, there and back', async () => {
    const { world, door, watch } = await open();
    setParameters(world, { latency: { uplinkMs: [60, 60], downlinkMs: [60, 60] } });
    const sentAt = performance.now();
    const stamp = Date.now();
    await send(door, v2);
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(118);
    expect((watch.mock.calls[0]?.[0].at ?? 0) - stamp).toBeGreaterThanOrEqual(58);
  });

  test.each(['before', 'after'] as const)('a reset %s the effect breaks the connection', async (when) => {
    const { world, end } = await struck({ kind: 'reset', when }, restartOf('dead'));
    expect(causeOf(end)).toBe('ECONNRESET');
    expect(world.tasks.get('dead')?.restarts).toBe(when === 'after' ? 1 : 0);
  });

  test('a stall never answers', async () => {
    const { world, door } = await open();
    addFault(world, { effect: { kind: 'stall', when: 'before' } });
    await expect(send(door, v2, AbortSignal.timeout(500))).rejects.toThrow(/timeout/);
    expect(world.arrivals.total).toBe(1);
  });

  test('a truncated body ends before its announced length', async () => {
    const { end } = await struck({ kind: 'truncate', bytes: 30 });
    expect(causeOf(end)).toBe('UND_ERR_SOCKET');
  });

  test('any answer at all', async () => {
    const { end } = await struck({
      kind: 'answer',
      status: 502,
      headers: { 'content-type': 'text/html' },
      body: '<h1>Bad',
    });
    expect(end).toMatchObject({ status: 502, text: '<h1>Bad' });
  });

  test.each([true, false])('a drip arrives bit by bit and whole (headers too: %s)', async (headersToo) => {
    const startedAt = performance.now();
    const { end } = await struck({ kind: 'drip', bytes: 100, everyMs: 10, headersToo });
    expect(JSON.parse((end as { text: string }).text).Result.List).toHaveLength(2);
    expect(performance.now() - startedAt).toBeGreaterThan(100);
  });

  test('a huge body flows without being built; a reader may leave', async () => {
    const { world, door } = await open();
    addFault(world, { effect: { kind: 'huge', bytes: 500e6 } });
    const before = process.memoryUsage().rss;
    const { method, target, headers, body } = signed(v2, Date.now());
    const response = await fetch(door.url + target, { method, headers, body });
    let bytes = 0;
    for await (const piece of response.body ?? []) {
      bytes += piece.length;
      if (bytes > 20e6) break;
    }
    expect(bytes).toBeGreaterThan(20e6);
    expect(process.memoryUsage().rss - before).toBeLessThan(150e6);
    world.faults = [];
    expect((await send(door, v2)).status).toBe(200);
  });

  test('squeezed, it is small on the wire', async () => {
    const { end } = await struck({ kind: 'huge', bytes: 3e6, gzip: true });
    const { headers, text } = end as { headers: Headers; text: string };
    expect(headers.get('content-encoding')).toBe('gzip');
    expect(JSON.parse(text).Result.List[0].Title).toHaveLength(3e6);
  });

  test('a client that leaves before its request has arrived is counted all the same', async () => {
    const { world, door } = await open();
    setParameters(world, { latency: { uplinkMs: [500, 500] } });
    await expect(send(door, restartOf('dead'), AbortSignal.timeout(250))).rejects.toThrow();
    expect(world.arrivals.total).toBe(0);
    await waitFor(() => world.tasks.get('dead')?.restarts === 1);
  });

  test('a taken port is an error', async () => {
    const { world, door } = await open();
    const port = Number(new URL(door.url).port);
    await expect(openDoor({ world, clock: systemClock, port })).rejects.toThrow(/EADDRINUSE/);
  });

  test('closing breaks what is open, at once', async () => {
    const { world, door } = await open();
    addFault(world, { effect: { kind: 'stall', when: 'before' } });
    const end = send(door, v2).catch(causeOf);
    await waitFor(() => world.arrivals.total === 1);
    await door.close();
    expect(await end).toBe('UND_ERR_SOCKET');
  });
});

async function waitFor(holds: () => boolean) {
  for (let n = 0; n < 500 && !holds(); n += 1) await systemClock.sleep(5);
  expect(holds()).toBe(true);
}
