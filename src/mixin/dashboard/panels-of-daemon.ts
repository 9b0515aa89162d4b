/** The panels about the API and the daemon itself; those about tasks are in panels.ts. */
import { metric, part } from '../alerts/promql.ts';
import { account, type PanelPlan, window } from './panel.ts';

export const api: readonly PanelPlan[] = [
  {
    title: 'API calls and the limit',
    asks: 'Calls sent each second, beside what the limiter admits at present.',
    kind: 'lines',
    unit: 'reqps',
    width: 8,
    queries: [
      {
        expr: `sum by (account, action) (rate(${metric('api_requests_total', { account })}[${window}])) > 0`,
        legend: '{{account}} {{action}}',
      },
      { expr: `max by (account) (${metric('api_rate_limit_per_second', { account })})`, legend: '{{account}} limit' },
    ],
  },
  {
    title: 'API errors by code',
    asks: 'What does the API say?',
    kind: 'stack',
    unit: 'reqps',
    width: 8,
    queries: [
      {
        expr: `sum by (action, code) (rate(${metric('api_errors_total', { account })}[${window}])) > 0`,
        legend: '{{action}}: {{code}}',
      },
    ],
  },
  {
    title: 'Latency of the API',
    asks: 'How long calls take; 95 of 100 are faster than this.',
    kind: 'lines',
    unit: 's',
    width: 8,
    queries: [
      {
        expr: `histogram_quantile(0.95, sum by (le, action) (rate(${part('api_request_duration_seconds', 'bucket', { account })}[${window}])))`,
        legend: 'p95 {{action}}',
      },
      {
        expr: `histogram_quantile(0.5, sum by (le, action) (rate(${part('api_request_duration_seconds', 'bucket', { account })}[${window}])))`,
        legend: 'p50 {{action}}',
      },
    ],
  },
  {
    title: 'Wait for leave to call, by lane',
    asks: 'How long calls wait for the limiter; 95 of 100 wait less. Restarts go first.',
    kind: 'lines',
    unit: 's',
    width: 8,
    queries: [
      {
        expr: `histogram_quantile(0.95, sum by (le, lane) (rate(${part('api_rate_limit_wait_seconds', 'bucket', { account })}[${window}])))`,
        legend: 'p95 {{lane}}',
      },
    ],
  },
  {
    title: 'Calls waiting, by lane',
    asks: 'How many calls wait for the limiter at this moment.',
    kind: 'stack',
    unit: 'short',
    width: 8,
    queries: [{ expr: `sum by (lane) (${metric('api_queue_length', { account })})`, legend: '{{lane}}' }],
  },
  {
    title: 'Circuits',
    asks: 'Open: this API fails for the whole account, for this class of reason.',
    kind: 'timeline',
    unit: 'none',
    width: 8,
    queries: [
      {
        expr: `max by (account, circuit, class) (${metric('api_circuit_open', { account })}) > 0`,
        legend: '{{account}} {{circuit}}: {{class}}',
      },
    ],
  },
];

export const daemon: readonly PanelPlan[] = [
  {
    title: 'Age of the last complete poll',
    asks: 'Does it see? Beside it the gap between polls.',
    kind: 'lines',
    unit: 's',
    width: 6,
    queries: [
      {
        expr: `time() - max by (account) (${metric('last_poll_success_timestamp_seconds', { account })})`,
        legend: '{{account}}',
      },
      { expr: `max by (account) (${metric('poll_interval_seconds', { account })})`, legend: '{{account}} interval' },
    ],
  },
  {
    title: 'Duration of polls',
    asks: 'How long a poll takes, from its first request to its last answer.',
    kind: 'lines',
    unit: 's',
    width: 6,
    queries: [
      {
        expr: `histogram_quantile(0.95, sum by (le, account) (rate(${part('poll_duration_seconds', 'bucket', { account })}[${window}])))`,
        legend: 'p95 {{account}}',
      },
    ],
  },
  {
    title: 'Polls that failed a minute, by class',
    asks: 'Nothing was decided from these. suspect: the list lost more than half of its tasks.',
    kind: 'stack',
    unit: 'short',
    width: 6,
    queries: [
      {
        expr: `60 * sum by (account, class) (rate(${metric('poll_failures_total', { account })}[${window}])) > 0`,
        legend: '{{account}} {{class}}',
      },
    ],
  },
  {
    title: 'Owners',
    asks: 'Which process acts for which account: exactly one each.',
    kind: 'timeline',
    unit: 'none',
    width: 6,
    queries: [{ expr: metric('owner', { account }), legend: '{{account}} {{instance}}' }],
  },
  {
    title: 'Duration of store operations',
    asks: 'How long the ledger takes to be written and read.',
    kind: 'lines',
    unit: 's',
    width: 6,
    queries: [
      {
        expr: `histogram_quantile(0.95, sum by (le, operation) (rate(${part('store_operation_duration_seconds', 'bucket')}[${window}])))`,
        legend: 'p95 {{operation}}',
      },
    ],
  },
  {
    title: 'Store errors a minute',
    asks: 'Can the ledger be written? While it cannot, no restart is made.',
    kind: 'stack',
    unit: 'short',
    width: 6,
    queries: [
      {
        expr: `60 * sum by (operation) (rate(${metric('store_errors_total')}[${window}])) > 0`,
        legend: '{{operation}}',
      },
    ],
  },
  {
    title: 'Log lines a minute',
    asks: 'Warnings and errors are worth a look into the log.',
    kind: 'stack',
    unit: 'short',
    width: 6,
    queries: [
      {
        expr: `60 * sum by (level) (rate(${metric('log_messages_total', { level: ['info', 'warn', 'error'] })}[${window}]))`,
        legend: '{{level}}',
      },
    ],
  },
  {
    title: 'Clock of the cloud against ours',
    asks: '0 below 2 seconds; from about 15 minutes on calls are refused.',
    kind: 'lines',
    unit: 's',
    width: 6,
    queries: [{ expr: `max by (account) (${metric('clock_skew_seconds', { account })})`, legend: '{{account}}' }],
  },
];
