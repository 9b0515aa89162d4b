/**
 * What the dashboard shows: each panel's question, its queries and its unit. How Grafana wants that written is in
 * dashboard.ts; the tests against a real Prometheus run and draw the same queries.
 */
import { metric, part } from '../alerts/promql.ts';
import { account, both, type PanelPlan, type RowPlan, window } from './panel.ts';
import { api, daemon } from './panels-of-daemon.ts';

const glance: readonly PanelPlan[] = [
  {
    title: 'Running',
    asks: 'Is everything up? Active tasks of all that should be (active, stopped, overdue).',
    kind: 'stat',
    unit: 'percentunit',
    width: 4,
    queries: [
      {
        expr: `sum(${metric('tasks', { ...both, state: 'active' })}) / (sum(${metric('tasks', { ...both, state: ['active', 'stopped', 'overdue'] })}) > 0)`,
        legend: 'running',
      },
    ],
    limits: { yellow: 0.99, red: 0.95, down: true },
  },
  {
    title: 'Down now',
    asks: 'Stopped or overdue tasks at this moment.',
    kind: 'stat',
    unit: 'short',
    width: 4,
    queries: [{ expr: `sum(${metric('tasks', { ...both, state: ['stopped', 'overdue'] })})`, legend: 'down' }],
    limits: { yellow: 1, red: 10 },
  },
  {
    title: 'Longest outage',
    asks: 'For how long the task that has been down longest is down; empty: none is.',
    kind: 'stat',
    unit: 's',
    width: 4,
    queries: [{ expr: `time() - min(${metric('oldest_outage_timestamp_seconds', both)})`, legend: 'longest outage' }],
    limits: { yellow: 120, red: 600 },
  },
  {
    title: 'Given up',
    asks: 'Tasks that restarts do not help: in quarantine, or abandoned.',
    kind: 'stat',
    unit: 'short',
    width: 4,
    queries: [{ expr: `sum by (stage) (${metric('tasks_given_up', both)})`, legend: '{{stage}}' }],
    limits: { yellow: 1, red: 5 },
  },
  {
    title: 'Last poll',
    asks: 'How old what is shown here is.',
    kind: 'stat',
    unit: 's',
    width: 4,
    queries: [
      {
        expr: `time() - max by (account) (${metric('last_poll_success_timestamp_seconds', { account })})`,
        legend: '{{account}}',
      },
    ],
    limits: { yellow: 60, red: 180 },
  },
  {
    title: 'Alerts',
    asks: 'What fires now, by severity; empty: nothing. Only with the rules in this Prometheus, not with those of Grafana.',
    kind: 'stat',
    unit: 'short',
    width: 4,
    queries: [
      {
        expr: 'count by (severity) (ALERTS{alertname=~"Relaykeeper.*",alertstate="firing"})',
        legend: '{{severity}}',
      },
    ],
    limits: { yellow: 1, red: 1 },
  },
];

const tasks: readonly PanelPlan[] = [
  {
    title: 'Tasks by state',
    asks: 'What the cloud says of the managed tasks.',
    kind: 'stack',
    unit: 'short',
    width: 12,
    queries: [{ expr: `sum by (state) (${metric('tasks', both)})`, legend: '{{state}}' }],
  },
  {
    title: 'Why not restarted',
    asks: 'Stopped tasks that wait, by reason. The README has a row for each reason.',
    kind: 'stack',
    unit: 'short',
    width: 12,
    queries: [{ expr: `sum by (reason) (${metric('tasks_waiting', both)}) > 0`, legend: '{{reason}}' }],
  },
  {
    title: 'Down now, and for how long',
    asks: 'Each task in outage, the oldest first (at most metrics.maxTaskSeries).',
    kind: 'table',
    unit: 's',
    width: 14,
    queries: [
      {
        expr: `sort_desc((time() - max by (account, group, task) (${metric('task_outage_start_timestamp_seconds', both)})) * on (account, group, task) group_left (title, cloud_group) max by (account, group, task, title, cloud_group) (${metric('task_info', both)}))`,
        legend: '{{title}}',
      },
    ],
  },
  {
    title: 'Availability of 24 hours',
    asks: 'The share of the time in which tasks were due and did run. Held and abandoned time is in it as down or not due.',
    kind: 'bars',
    unit: 'percentunit',
    width: 10,
    queries: [
      {
        expr: `1 - sum by (account, group) (increase(${metric('task_downtime_seconds_total', both)}[24h])) / (sum by (account, group) (increase(${metric('task_expected_seconds_total', both)}[24h])) > 0)`,
        legend: '{{account}} {{group}}',
      },
    ],
    limits: { yellow: 0.999, red: 0.99, down: true },
  },
];

const healing: readonly PanelPlan[] = [
  {
    title: 'Restarts and outages',
    asks: 'Is it healing? Restart calls, outages opened and ended, per minute.',
    kind: 'lines',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `60 * sum by (trigger) (rate(${metric('restarts_total', both)}[${window}]))`,
        legend: 'restarts, {{trigger}}',
      },
      { expr: `60 * sum(rate(${metric('outages_total', both)}[${window}]))`, legend: 'outages opened' },
      { expr: `60 * sum(rate(${metric('outage_endings_total', both)}[${window}]))`, legend: 'outages ended' },
    ],
  },
  {
    title: 'Restarts that failed, by code',
    asks: 'Why not? A code of the cloud; not-recovered: no effect; stopped-again: it fell within verifyWithin.',
    kind: 'stack',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `60 * sum by (code) (rate(${metric('restart_failures_total', both)}[${window}])) > 0`,
        legend: '{{code}}',
      },
    ],
  },
  {
    title: 'Recovery time',
    asks: 'How long outages lasted that ended within the hour before: half of them, and 95 of 100, were shorter.',
    kind: 'lines',
    unit: 's',
    width: 8,
    queries: ([0.5, 0.95] as const).map((quantile) => ({
      expr: `histogram_quantile(${quantile}, sum by (le) (increase(${part('outage_duration_seconds', 'bucket', both)}[1h])))`,
      legend: `p${quantile * 100}`,
    })),
  },
  {
    title: 'Storm',
    asks: 'Is a storm on, and how many restarts does it let be unsettled? No group: the whole account.',
    kind: 'lines',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `max by (account, group) (${metric('storm_window', { account })}) and max by (account, group) (${metric('storm', { account })}) > 0`,
        legend: '{{account}} {{group}}',
      },
    ],
  },
  {
    title: 'Quarantined and abandoned',
    asks: 'Tasks that restarts did not help, by group.',
    kind: 'stack',
    unit: 'short',
    width: 8,
    queries: [
      { expr: `sum by (group, stage) (${metric('tasks_given_up', both)}) > 0`, legend: '{{group}}: {{stage}}' },
    ],
  },
  {
    title: 'Holds',
    asks: 'How many "leave this alone" are in force, by group.',
    kind: 'lines',
    unit: 'short',
    width: 8,
    queries: [{ expr: `max by (account, group) (${metric('holds', both)})`, legend: '{{account}} {{group}}' }],
  },
];

const ofGroup: readonly PanelPlan[] = [
  {
    title: 'Tasks by state',
    asks: 'What the cloud says of the tasks of this group.',
    kind: 'stack',
    unit: 'short',
    width: 6,
    queries: [{ expr: `sum by (state) (${metric('tasks', both)})`, legend: '{{state}}' }],
  },
  {
    title: 'Why not restarted',
    asks: 'Stopped tasks that wait, by reason.',
    kind: 'stack',
    unit: 'short',
    width: 6,
    queries: [{ expr: `sum by (reason) (${metric('tasks_waiting', both)}) > 0`, legend: '{{reason}}' }],
  },
  {
    title: 'Restarts, failures and outages a minute',
    asks: 'Is it healing?',
    kind: 'lines',
    unit: 'short',
    width: 6,
    queries: [
      { expr: `60 * sum(rate(${metric('restarts_total', both)}[${window}]))`, legend: 'restarts' },
      { expr: `60 * sum(rate(${metric('restart_failures_total', both)}[${window}]))`, legend: 'failed' },
      { expr: `60 * sum(rate(${metric('outages_total', both)}[${window}]))`, legend: 'outages' },
    ],
  },
  {
    title: 'Recovery time',
    asks: 'Of outages that ended within the hour before.',
    kind: 'lines',
    unit: 's',
    width: 6,
    queries: ([0.5, 0.95] as const).map((quantile) => ({
      expr: `histogram_quantile(${quantile}, sum by (le) (increase(${part('outage_duration_seconds', 'bucket', both)}[1h])))`,
      legend: `p${quantile * 100}`,
    })),
  },
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
