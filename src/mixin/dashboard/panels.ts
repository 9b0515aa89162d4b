/**
 * What the dashboard shows: each panel's question, its queries and its unit. How Grafana wants that written is in
 * dashboard.ts; the tests against a real Prometheus run and draw the same queries.
 */
import { metric, part } from '../alerts/promql.ts';
import { account, both, draw, type PanelPlan, perMinute, type RowPlan } from './panel.ts';
import { api, daemon } from './panels-of-daemon.ts';

const glance: readonly PanelPlan[] = [
  {
    title: 'Running',
    asks: 'Is everything up? Active tasks of all that should be (active, stopped, overdue).',
    ...draw('stat', 'percentunit', 4),
    queries: {
      running: `sum(${metric('tasks', { ...both, state: 'active' })}) / ((sum(${metric('tasks', { ...both, state: ['active', 'overdue'] })}) + sum(${metric('tasks_down', both)})) > 0)`,
    },
    limits: { yellow: 0.99, red: 0.95, down: true },
  },
  {
    title: 'Down now',
    asks: 'How many tasks should run and do not, or are overdue?',
    ...draw('stat', 'short', 3),
    queries: {
      down: `sum(${metric('tasks_down', both)}) + sum(${metric('tasks', { ...both, state: 'overdue' })})`,
    },
    limits: { yellow: 1, red: 10 },
  },
  {
    title: 'Stopped, not down',
    asks: 'How many stopped tasks are left alone on purpose: held, outside the hours of their group, only observed?',
    ...draw('stat', 'short', 5),
    queries: { '{{why}}': `sum by (why) (${metric('tasks_apart', both)})` },
  },
  {
    title: 'Longest outage',
    asks: 'How long has the longest outage lasted? Empty: no task is down.',
    ...draw('stat', 's', 3),
    queries: { 'longest outage': `time() - min(${metric('oldest_outage_timestamp_seconds', both)})` },
    limits: { yellow: 120, red: 600 },
  },
  {
    title: 'Given up',
    asks: 'How many tasks do restarts not help? They are in quarantine, or abandoned.',
    ...draw('stat', 'short', 3),
    queries: { '{{stage}}': `sum by (stage) (${metric('tasks_given_up', both)})` },
    limits: { yellow: 1, red: 5 },
  },
  {
    title: 'Last poll',
    asks: 'How old is what this dashboard shows?',
    ...draw('stat', 's', 3),
    queries: {
      '{{account}}': `time() - max by (account) (${metric('last_poll_success_timestamp_seconds', { account })})`,
    },
    limits: { yellow: 60, red: 180 },
  },
  {
    title: 'Alerts',
    asks: 'Which alerts fire now, by severity? Empty: none. The rules of this Prometheus count, those of Grafana do not.',
    ...draw('stat', 'short', 3),
    queries: {
      '{{severity}}': 'count by (severity) (ALERTS{alertname=~"Relaykeeper.*",alertstate="firing"})',
    },
    limits: { yellow: 1, red: 1 },
  },
];

/** Panels that stand in two rows. */
const byState = (asks: string, width: number): PanelPlan => ({
  title: 'Tasks by state',
  asks,
  ...draw('stack', 'short', width),
  queries: { '{{state}}': `sum by (state) (${metric('tasks', both)})` },
});
const whyNot = (asks: string, width: number): PanelPlan => ({
  title: 'Why not restarted',
  asks,
  ...draw('stack', 'short', width),
  queries: { '{{reason}}': `sum by (reason) (${metric('tasks_waiting', both)}) > 0` },
});
const recovery = (asks: string, width: number): PanelPlan => ({
  title: 'Recovery time',
  asks,
  ...draw('lines', 's', width),
  queries: Object.fromEntries(
    [50, 95].map((share) => [
      `p${share}`,
      `histogram_quantile(${share / 100}, sum by (le) (increase(${part('outage_duration_seconds', 'bucket', both)}[1h])))`,
    ]),
  ),
});

const tasks: readonly PanelPlan[] = [
  byState('What does the cloud say about the managed tasks?', 12),
  whyNot('Why do stopped tasks wait? The README has a row for each reason.', 12),
  {
    title: 'Down now, and for how long',
    asks: 'Which tasks are down, and for how long? The oldest first, at most metrics.maxTaskSeries.',
    ...draw('table', 's', 14),
    queries: {
      '{{title}}': `sort_desc((time() - max by (account, group, task) (${metric('task_outage_start_timestamp_seconds', both)})) * on (account, group, task) group_left (title, cloud_group) max by (account, group, task, title, cloud_group) (${metric('task_info', both)}))`,
    },
  },
  {
    title: 'Availability of 24 hours',
    asks: 'For what share of the time did the tasks that were due run? Held tasks do not count; abandoned ones count as down.',
    ...draw('bars', 'percentunit', 10),
    queries: {
      '{{account}} {{group}}': `1 - sum by (account, group) (increase(${metric('task_downtime_seconds_total', both)}[24h])) / (sum by (account, group) (increase(${metric('task_expected_seconds_total', both)}[24h])) > 0)`,
    },
    limits: { yellow: 0.999, red: 0.99, down: true },
  },
];

const healing: readonly PanelPlan[] = [
  {
    title: 'Restarts and outages',
    asks: 'Is it healing? Restart calls, outages opened and ended, per minute.',
    ...draw('lines', 'short', 8),
    queries: {
      'restarts, {{trigger}}': perMinute('trigger', metric('restarts_total', both)),
      'outages opened': perMinute('', metric('outages_total', both)),
      'outages ended': perMinute('', metric('outage_endings_total', both)),
    },
  },
  {
    title: 'Restarts that failed, by code',
    asks: 'Why do restarts fail? A code of the cloud; not-recovered: no effect; stopped-again: it stopped within verifyWithin.',
    ...draw('stack', 'short', 8),
    queries: { '{{code}}': `${perMinute('code', metric('restart_failures_total', both))} > 0` },
  },
  recovery(
    'How long did the outages last that ended in the last hour? Half of them (p50), and 95 of 100 (p95), were shorter.',
    8,
  ),
  {
    title: 'Storm',
    asks: 'Is a storm on, and how many restarts may be unsettled at once? No group: the whole account.',
    ...draw('lines', 'short', 8),
    queries: {
      '{{account}} {{group}}': `max by (account, group) (${metric('storm_window', { account })}) and max by (account, group) (${metric('storm', { account })}) > 0`,
    },
  },
  {
    title: 'Quarantined and abandoned',
    asks: 'Which groups have tasks that restarts do not help?',
    ...draw('stack', 'short', 8),
    queries: {
      '{{group}}: {{stage}}': `sum by (group, stage) (${metric('tasks_given_up', both)}) > 0`,
    },
  },
  {
    title: 'Holds',
    asks: 'How many holds are in force, by group?',
    ...draw('lines', 'short', 8),
    queries: { '{{account}} {{group}}': `max by (account, group) (${metric('holds', both)})` },
  },
];

const ofGroup: readonly PanelPlan[] = [
  byState('What does the cloud say about the tasks of this group?', 6),
  whyNot('Why do stopped tasks wait?', 6),
  {
    title: 'Restarts, failures and outages a minute',
    asks: 'Is it healing?',
    ...draw('lines', 'short', 6),
    queries: {
      restarts: perMinute('', metric('restarts_total', both)),
      failed: perMinute('', metric('restart_failures_total', both)),
      outages: perMinute('', metric('outages_total', both)),
    },
  },
  recovery('How long did the outages last that ended in the last hour?', 6),
];

export const rows: readonly RowPlan[] = [
  { title: 'At a glance', panels: glance },
  { title: 'Tasks', panels: tasks },
  { title: 'Healing', panels: healing },
  { title: 'The API', panels: api },
  { title: 'The daemon', panels: daemon },
  { title: 'Group $group', each: 'group', panels: ofGroup },
];

/** Marks on every graph. Their values are moments, in milliseconds, or 1 at the moment itself. */
export const marks = [
  {
    name: 'Reloads',
    colour: 'blue',
    title: 'configuration read',
    expr: `max(${metric('config_last_reload_success_timestamp_seconds')}) * 1000`,
    valueIsTime: true,
  },
  {
    name: 'Ownership',
    colour: 'orange',
    title: 'account gained or lost',
    expr: `sum by (account, instance) (changes(${metric('lease_transitions_total', { account })}[$__interval])) > 0`,
    valueIsTime: false,
  },
] as const;

/** Where the values of the variables come from. Accounts: also those that nobody owns. */
export const variables = [
  { name: 'account', label: 'Account', query: `label_values(${metric('owner')}, account)` },
  { name: 'group', label: 'Group', query: `label_values(${metric('outages_total', { account })}, group)` },
] as const;
