/** The most that a configuration can ask for: 1,000 pairs of account and group, 2,000 tasks, names without end. */
import { expect, test } from 'vitest';
import { knownCodes } from '../../src/cloud/errors.ts';
import { maxGroups, maxPairs } from '../../src/settings/schema.ts';
import { prefix } from '../../src/telemetry/catalogue.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { accountView, at, downTask, groupView, policies, policy, samplesOf, snapshot, taskView } from './samples.ts';

const maxTaskSeries = 2_000;
const accounts = Array.from({ length: maxPairs / maxGroups }, (_, i) => `account-${i}`);
// 3 bytes a character: cut at 42 of them, so the number stands in front.
const groups = Array.from({ length: maxGroups }, (_, i) => `${i}${'体'.repeat(70)}`);
const groupOf = (i: number) => groups[i % maxGroups] ?? '';
const tasks = Array.from({ length: maxTaskSeries + 500 }, (_, i) => i);

const actions = knownCodes.actions.length;
const errors = actions * knownCodes.pairs.length;
/** Codes by which a restart can fail, and the two that are seen. */
const failing = new Set(['quota', 'permission', 'forbidden', 'invalid', 'not-found', 'common', 'unknown']);
const failureCodes = new Set(knownCodes.pairs.flatMap((pair) => (failing.has(pair.class) ? [pair.code] : []))).size;
const histogram = (bounds: number) => bounds + 3;

// Counted by hand, metric by metric.
const ofProcess = 1 + 3 + 1 + 1 + 7 + 7 * histogram(10) + 2 + 5 + 1;
const ofAccount =
  2 +
  1 +
  1 +
  1 +
  16 +
  histogram(12) +
  3 +
  1 +
  actions * (1 + histogram(11)) +
  errors +
  1 +
  4 +
  4 * histogram(12) +
  (15 + 11) +
  1 +
  2;
const ofPair = 6 + 17 + 1 + 3 + 2 + 2 + 1 + (failureCodes + 2) + 17 + 1 + 5 + histogram(12) + 2 + 2 + 2 + 2;

test('is counted, to the series, and rendered in reasonable time', async () => {
  const metrics = createMetrics({
    version: '1',
    revision: 'r',
    maxTaskSeries: () => maxTaskSeries,
    knownCodes,
    processMetrics: false,
  });
  metrics.configure(accounts.map((name) => policies(name, ...groups.map((group) => policy(group)))));
  metrics.process({ reloaded: true, config: { readAt: at, hash: 'hash' } });
  for (const name of accounts) metrics.loopTick(name, at);
  const title = `${'"\\\n长'.repeat(100)}`;
  const snapshots = accounts.map((account, index) =>
    snapshot({
      account: accountView({ account }),
      groups: groups.map((group) =>
        groupView(group, { account, oldestOutageAt: at, nextRestartAt: at, holdEndsAt: at }),
      ),
      // More in outage than may be reported, all in the first account; as many managed as may be reported.
      down:
        index > 0 ? [] : tasks.map((i) => ({ ...downTask(`task-${i}`, at - i), account, title, group: groupOf(i) })),
      managed:
        index > 0
          ? []
          : tasks.slice(0, maxTaskSeries).map((i) => taskView(`task-${i}`, { account, group: groupOf(i) })),
    }),
  );
  const started = process.cpuUsage();
  const bytes = await metrics.render(snapshots);
  const used = process.cpuUsage(started);
  const text = new TextDecoder().decode(bytes);
  const samples = samplesOf(text);
  console.log(
    `worst case: ${samples.size} series (${ofPair} a pair, ${ofAccount} an account, ${ofProcess} of the process), ${(text.length / 1e6).toFixed(1)} MB, ${Math.round((used.user + used.system) / 1000)} ms CPU`,
  );
  expect(samples.size).toBe(ofProcess + accounts.length * ofAccount + maxPairs * ofPair + maxTaskSeries * 5);
  for (const [, value = ''] of text.matchAll(/="((?:[^"\\]|\\.)*)"/g)) {
    const plain = value.replaceAll(/\\(.)/g, '$1');
    if (Buffer.byteLength(plain) > 128) throw new Error(`longer than 128 bytes: ${value}`);
  }
  expect([...samples.keys()].filter((key) => key.startsWith(`${prefix}task_info`))).toHaveLength(maxTaskSeries);
});
