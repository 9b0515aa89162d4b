/**
 * What is done for a person, a scrape or a reload grows no faster than what there is: counted in reads of records, so
 * that it holds on every machine.
 */
import { expect, test, vi } from 'vitest';
import type { Fleet } from '../src/app/fleet.ts';
import { createOperations } from '../src/app/operations.ts';
import { findUnmatched } from '../src/app/unmatched.ts';
import type { TaskRecord } from '../src/domain/memory/ledger.ts';
import { Memory } from '../src/domain/memory/memory.ts';
import { type Situation, situationOf } from '../src/domain/memory/situation.ts';
import { mapTimes } from '../src/domain/memory/times.ts';
import { coversNow, holdPreview } from '../src/domain/views/covered.ts';
import { endingsOf, successorOf } from '../src/domain/views/endings.ts';
import { groupViews } from '../src/domain/views/views.ts';
import { cloudTime } from '../src/domain/words/cloud-time.ts';
import type { Hold } from '../src/domain/words/events.ts';
import { openingAt } from '../src/domain/words/hours.ts';
import { keysAt } from '../src/settings/json-schema.ts';
import { decode, decodeEvent, encode, encodeEvent, taskRecord } from '../src/store/records.ts';
import { createLog } from '../src/telemetry/log.ts';
import { settingsOf } from './app/running.ts';
import { at, atOnce, hold, hours, plainPolicy, policiesOf, unnoted } from './domain/story.ts';
import { record } from './store/shapes.ts';

/** Schemas that zod was asked for. */
const made = vi.hoisted(() => ({ schemas: 0 }));

vi.mock('zod', async (original) => {
  const zod = await original<typeof import('zod')>();
  const z = new Proxy(zod.z, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]) => {
        made.schemas++;
        return value(...given);
      };
    },
  });
  return { ...zod, z };
});

/** Reads of what `counted` has wrapped. */
let reads = 0;

function counted<T extends object>(of: T): T {
  return new Proxy(of, {
    get(target, key) {
      reads++;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? counted(value) : value;
    },
  });
}

function readsOf(work: () => unknown): number {
  reads = 0;
  work();
  return reads;
}

const idOf = (n: number) => `task${String(n).padStart(6, '0')}`;
const known = record('t');

/** Tasks in an order of their own, all ending in five hours, in so many groups. */
function situationWith(tasks: number, groups = 2, holds: readonly Hold[] = []): Situation {
  const records = Array.from({ length: tasks }, (_, place): TaskRecord => {
    const n = (place * 7) % tasks;
    const group = `g${n % groups}`;
    const item = { ...known.item, taskId: idOf(n), title: `title ${n}`, cloudGroup: group, status: 'active' } as const;
    const endsAt = cloudTime(at(hours(5)) + n);
    return counted({
      ...known,
      taskId: idOf(n),
      group,
      goneAt: undefined,
      missing: undefined,
      item: { ...item, endsAt },
    });
  });
  const policies = policiesOf(
    ...Array.from({ length: groups }, (_, n) => ({
      ...plainPolicy,
      name: `g${n}`,
      match: { ...plainPolicy.match, cloudGroup: [`g${n}`] },
    })),
  );
  const stored = { tasks: records, holds: holds.map(counted), accountRecord: undefined, budget: [] };
  const { ledger } = new Memory('main', unnoted, stored);
  return situationOf(ledger, policies, { now: at(0), clockOffsetMs: 0, nextPollAt: at(15), pollGapMs: 15_000 });
}

function operationsOver(situation: Situation) {
  const released: string[] = [];
  const { ledger } = situation;
  const operator = { release: async (taskId: string) => void released.push(taskId) };
  const keeper = { account: 'main', ledger, situation: () => situation, operator };
  const fleet = { keepers: () => [keeper], keeper: () => keeper } as unknown as Fleet;
  const clock = { now: () => at(0) };
  const operations = createOperations({ fleet, clock, store: {}, current: {} } as unknown as Parameters<
    typeof createOperations
  >[0]);
  return { operations, released };
}

test('who names a task by its id waits for no other task to be looked at', () => {
  const [few, many] = [200, 400].map((tasks) => {
    const { operations, released } = operationsOver(situationWith(tasks));
    const read = readsOf(() => void operations.release(idOf(7), { by: 'ops' }));
    expect(released).toEqual([idOf(7)]);
    return read;
  });
  expect(many).toBe(few);
});

test('a hold of one task, as it is set, looks at that task alone', () => {
  const [few, many] = [200, 400].map((tasks) => {
    const situation = situationWith(tasks);
    return readsOf(() => coversNow(situation, { kind: 'task', taskId: idOf(7) }));
  });
  expect(many).toBe(few);
});

test('who asks which task follows one waits for those alone that push to the same place', () => {
  const [few, many] = [200, 400].map((tasks) => {
    const situation = situationWith(tasks);
    const ending = situation.ledger.tasks.get(idOf(1)) ?? known;
    return readsOf(() => expect(successorOf(situation, ending, [idOf(1), idOf(0), idOf(9)])?.taskId).toBe(idOf(9)));
  });
  expect(many).toBe(few);
});

const pageOf = 10;

test.each<readonly [string, number, (situation: Situation) => unknown]>([
  [
    'a page of tasks',
    4,
    (situation) => {
      const { tasks, more } = operationsOver(situation).operations.tasks({ limit: pageOf });
      expect([tasks.map(({ taskId }) => taskId), more]).toEqual([
        Array.from({ length: pageOf }, (_, n) => idOf(n)),
        true,
      ]);
    },
  ],
  ['the first titles under a hold of the account', 20, (situation) => holdPreview(situation, { kind: 'account' })],
])('%s: no task is read more than %i times', (_, most, work) => {
  const tasks = 3_000;
  const situation = situationWith(tasks);
  expect(readsOf(() => work(situation)) / tasks).toBeLessThan(most);
});

test('tasks that end soon and all push to one place are looked at a few times each, not once for each other', () => {
  const [few = 0, many] = [200, 400].map((tasks) => {
    const situation = situationWith(tasks);
    const destinationOf = () => 1;
    const read = readsOf(() => {
      // Of a row that ends one after the other only the last has nobody to follow it.
      expect(endingsOf(situation, destinationOf).soon.map(({ taskId }) => taskId)).toEqual([idOf(tasks - 1)]);
    });
    return read;
  });
  expect(many).toBeLessThan(2.2 * few);
});

test('a scrape looks at each hold a few times, however many groups there are', () => {
  const holds = Array.from({ length: 100 }, (_, n) => hold(`h${n}`, { kind: 'task', taskId: idOf(n) }));
  const [few = 0, many] = [10, 40].map((groups) => {
    const situation = situationWith(100, groups, holds);
    return readsOf(() => {
      const { groups: views } = groupViews(situation);
      expect(views.reduce((sum, view) => sum + view.holds, 0)).toBe(holds.length);
    });
  });
  expect(many).toBeLessThan(1.5 * few);
});

test('names that no task has are sought in the tasks once, not once for each group', () => {
  const [few = 0, many] = [10, 40].map((groups) => {
    const { groups: policies } = situationWith(0, groups).policies;
    const tasks = Array.from({ length: 200 }, (_, n) =>
      counted({ account: 'main', title: `title ${n}`, cloudGroup: `g${n % groups}`, group: `g${n % groups}` }),
    );
    return readsOf(() => expect(atOnce(findUnmatched(policies, tasks))).toEqual([]));
  });
  expect(many).toBeLessThan(1.5 * few);
});

test('a clock step, and the start, look at the times of a record and at nothing else', () => {
  const { item, ...rest } = known;
  expect(readsOf(() => mapTimes('task', counted({ ...rest, item, activeSince: at(0) }), (one) => one))).toBeLessThan(
    20,
  );
});

/** What is built is built once: for each record, group or request it would cost more than all else. */
function built(work: () => unknown) {
  const spies = [vi.spyOn(globalThis, 'RegExp'), vi.spyOn(Intl, 'DateTimeFormat')];
  const before = made.schemas;
  work();
  const calls = spies.map((spy) => spy.mock.calls.length);
  for (const spy of spies) spy.mockRestore();
  return { schemas: made.schemas - before, patterns: calls[0], zones: calls[1] };
}

const configurationOf = (groups: number) => `version: 1
accounts: [{name: main, provider: simulator}]
groups:
${Array.from(
  { length: groups },
  (_, n) => `  - name: g${n}
    hours: [{days: [mon-fri], from: "08:00", to: "23:30", timezone: Asia/Shanghai}]
    backoff: {initial: 20s}`,
).join('\n')}
`;

test.each<readonly [string, (count: number) => void]>([
  [
    'stored records',
    (count) => {
      const body = encode(known);
      for (let n = 0; n < count; n++) expect(decode(taskRecord, body).ok).toBe(true);
    },
  ],
  [
    'stored events',
    (count) => {
      const body = encodeEvent({ at: at(0), account: 'main', type: 'list-complete', since: at(0) });
      for (let n = 0; n < count; n++) expect(decodeEvent(body).ok).toBe(true);
    },
  ],
  ['groups of a configuration', (count) => void settingsOf(configurationOf(count))],
  [
    'log lines',
    (count) => {
      const log = createLog({ level: 'debug', format: 'json', now: () => at(0), destination: { write: () => {} } });
      for (let n = 0; n < count; n++) log.record({ at: at(0), account: 'main', type: 'list-complete', since: at(0) });
    },
  ],
  [
    'tasks whose hours are asked',
    (count) => {
      const hours = [{ days: ['mon'], fromMinute: 0, toMinute: 600, timezone: 'Asia/Tokyo' }] as const;
      for (let n = 0; n < count; n++) openingAt(hours, cloudTime(at(n)));
    },
  ],
])('for more %s no more schemas, patterns and time zones are built', (_, work) => {
  work(1);
  const few = built(() => work(1));
  expect(built(() => work(30))).toEqual(few);
});

test('which keys a place of the configuration has is looked for once for all groups', () => {
  expect(keysAt(['groups', 7, 'backoff'])).toContain('initial');
  expect(keysAt(['groups', 7, 'backoff'])).toBe(keysAt(['groups', 0, 'backoff']));
});
