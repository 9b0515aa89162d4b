/** What a small mistake in the loop would do, where no other test looks: each of these has been made once. */
import { expect, test } from 'vitest';
import type { Ownership } from '../../src/domain/ports/store-port.ts';
import { policiesOf } from '../domain/story.ts';
import { defaultPolicy, Stage, tasks } from '../sim/stage.ts';

test('a poll whose account was lost meanwhile decides nothing', async () => {
  const lost = new AbortController();
  let had = false;
  const ownership: Ownership = {
    acquire: (_account, signal) => {
      if (!had) {
        had = true;
        return Promise.resolve({ epoch: 1, lost: lost.signal });
      }
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
    remainingMs: () => Number.POSITIVE_INFINITY,
  };
  const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(3), ownership: () => ownership });
  await stage.run(10);
  const polls = stage.told('poll-completed').length;
  stage.act({ kind: 'stop', taskId: 't00001' });
  await stage.wrapCloud((cloud) => ({
    // Its last page had come when the lease was lost.
    observe: async (_signal, known) => {
      const seen = await cloud.observe(new AbortController().signal, known);
      lost.abort(new Error('the lease is lost'));
      return seen;
    },
  }));
  await stage.run(30);
  expect(lost.signal.aborted).toBe(true);
  expect(stage.told('poll-completed')).toHaveLength(polls);
  expect(stage.told('outage-opened')).toEqual([]);
  expect(stage.restarts()).toEqual([]);
});

/** Asks for the cloud group `large` alone, which has nearly all tasks. */
const largeAsked = () =>
  new Stage({
    policies: policiesOf(defaultPolicy),
    tasks: [...tasks(20, { cloudGroup: 'large' }, 'a'), ...tasks(2, { cloudGroup: 'small' }, 'b')],
    cloudGroups: ['large'],
  });

test.each<[string, (stage: Stage) => Promise<void>]>([
  ['by a reload', async (stage) => stage.reload({ cloudGroups: ['small'] })],
  [
    'by a reload while a list is being read',
    async (stage) => {
      // The poll of second 30 is on its way.
      await stage.run(10.02);
      const polls = stage.told('poll-completed').length;
      await stage.reload({ cloudGroups: ['small'] });
      expect(stage.told('poll-completed')).toHaveLength(polls);
    },
  ],
  [
    'by a process that starts anew',
    async (stage) => {
      await stage.stop();
      stage.start({ cloudGroups: ['small'] });
    },
  ],
  [
    'by a reload while the store is away',
    async (stage) => {
      stage.store.failing = true;
      await stage.reload({ cloudGroups: ['small'] });
      await stage.run(30);
      expect(stage.restarts()).toEqual([]);
      stage.store.failing = false;
    },
  ],
  [
    'by a reload while the account is taken over',
    async (stage) => {
      await stage.stop();
      stage.start();
      await stage.reload({ cloudGroups: ['small'] });
    },
  ],
])('%s a match asks for other cloud groups: no list is suspect, and their tasks are healed', async (_how, change) => {
  const stage = largeAsked();
  await stage.run(20);
  stage.act({ kind: 'stop', taskId: 'b00001' });
  await change(stage);
  await stage.run(60);
  expect(stage.told('poll-suspect')).toEqual([]);
  expect(stage.told('task-gone')).toHaveLength(20);
  expect(stage.restarts()).toMatchObject([{ taskId: 'b00001' }]);
});

test('what was awaited when the process ended is awaited by the next one', async () => {
  const life = { restartsInVain: Number.POSITIVE_INFINITY };
  const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(3, { life }), pollEveryMs: 30_000 });
  await stage.run(25);
  stage.act({ kind: 'stop', taskId: 't00001' });
  await stage.run(8);
  expect(stage.restarts()).toHaveLength(1);
  await stage.stop();
  stage.start();
  await stage.run(2);
  const asked = stage.arrivals.length;
  expect(stage.keeper.ledger.tasks.get('t00001')?.attempt?.phase).toMatchObject({ kind: 'verifying' });
  await stage.run(20);
  // A poll at most, and looks every 5 s.
  expect(stage.arrivals.length - asked).toBeGreaterThanOrEqual(4);
  await stage.run(50);
  expect(stage.told('restart-failed')).toMatchObject([{ taskId: 't00001', cause: 'not-recovered', row: 1 }]);
  expect(stage.restarts()[1]?.at ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(31 + 60);
});

test('a poll that is asked for comes at once', async () => {
  const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(3), pollEveryMs: 300_000 });
  await stage.run(10);
  const before = stage.told('poll-completed').length;
  stage.keeper.pollSoon();
  await stage.run(1);
  expect(stage.told('poll-completed')).toHaveLength(before + 1);
});

/** What happens between two slices of a list that is being taken in. */
async function amidList(stage: Stage, happens: () => Promise<unknown>): Promise<void> {
  let done: Promise<unknown> | undefined;
  const wait = async () => {
    while (!stage.keeper.ledger.midway) await Promise.resolve();
    await happens();
  };
  await stage.wrapCloud((cloud) => ({
    observe: async (signal, known) => {
      const seen = await cloud.observe(signal, known);
      done ??= wait();
      return seen;
    },
  }));
  await stage.run(20);
  await done;
}

const ofExcluded = (taskId: string) => ({
  ...defaultPolicy,
  match: { ...defaultPolicy.match, exclude: { title: [], taskId: [taskId] } },
});

test('a task that a new configuration excludes amid a long list is not restarted', async () => {
  const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(600) });
  await stage.run(20);
  stage.act({ kind: 'stop', taskId: 't00001' });
  await amidList(stage, () =>
    stage.keeper.configure({ ...stage.settings(), policies: policiesOf(ofExcluded('t00001')) }),
  );
  await stage.run(60);
  expect(stage.restarts()).toEqual([]);
  expect(stage.told('task-moved').map(({ group }) => group)).toEqual([undefined]);
});

test.each([-1_800_000, 1_800_000])(
  'a clock that steps by %d ms amid a long list: what the list says keeps its age',
  async (ms) => {
    const life = { startsInMs: [50, 50] } as const;
    const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(600, { life }) });
    await stage.run(20);
    stage.act({ kind: 'stop', taskId: 't00001' });
    await stage.until(() => stage.restarts().length > 0, 30);
    // The list that shows it running again.
    await amidList(stage, async () => {
      stage.clock.step(ms);
      // As an answer or a view asks for the time.
      stage.keeper.situation();
    });
    expect(stage.told('restart-worked')).toHaveLength(1);
    const now = stage.clock.now();
    const { lastComplete } = stage.keeper.ledger.accountRecord;
    const { outage, attempt } = stage.keeper.ledger.tasks.get('t00001') ?? {};
    const times = [
      lastComplete?.startedAt,
      outage?.activeAt,
      attempt?.phase.kind === 'proving' && attempt.phase.activeAt,
    ];
    for (const time of times) expect(Math.abs(now - Number(time))).toBeLessThan(60_000);
    stage.act({ kind: 'stop', taskId: 't00001' });
    await stage.run(60);
    expect(stage.areActive()).toBe(true);
  },
);

test('a restart whose call ends in a mistake of the client is unanswered, and its task is not given up for it', async () => {
  const stage = new Stage({ policies: policiesOf({ ...defaultPolicy, storm: false }), tasks: tasks(50) });
  await stage.run(10);
  const settings = stage.settings();
  await stage.wrapCloud(() => ({
    restart: async (_task, permit) => {
      permit.done('lost');
      throw new TypeError('an answer of a kind that nobody thought of');
    },
  }));
  stage.act({ kind: 'stop', taskId: 't00001' });
  await stage.run(30);
  expect(stage.keeper.ledger.tasks.get('t00001')?.attempt?.phase.kind).toBe('verifying');
  // Five in a row open the circuit, and nobody is sent to look for it in the network.
  for (const { taskId } of tasks(6).slice(2)) stage.act({ kind: 'stop', taskId });
  await stage.run(15);
  expect(stage.told('circuit-opened').map(({ failure }) => failure.class)).toEqual(['unknown']);
  await stage.keeper.configure(settings);
  await stage.run(150);
  expect(stage.restarts('t00001')).toHaveLength(1);
});
