/** The panels about the API and the daemon itself; those about tasks are in panels.ts. */
import { metric, part } from '../alerts/promql.ts';
import { account, draw, type PanelPlan, percentiles, perMinute, window } from './panel.ts';

export const api: readonly PanelPlan[] = [
  {
    title: 'API calls and the limit',
    asks: 'How many calls go out each second, and how many does the limiter admit now?',
    ...draw('lines', 'reqps', 8),
    queries: {
      '{{account}} {{action}}': `sum by (account, action) (rate(${metric('api_requests_total', { account })}[${window}])) > 0`,
      '{{account}} limit': `max by (account) (${metric('api_rate_limit_per_second', { account })})`,
    },
  },
  {
    title: 'API errors by code',
    asks: 'Which errors does the API answer?',
    ...draw('stack', 'reqps', 8),
    queries: {
      '{{action}}: {{code}}': `sum by (action, code) (rate(${metric('api_errors_total', { account })}[${window}])) > 0`,
    },
  },
  {
    title: 'Latency of the API',
    asks: 'How long do calls take? 95 of 100 (p95) are faster.',
    ...draw('lines', 's', 8),
    queries: percentiles('action', part('api_request_duration_seconds', 'bucket', { account }), [95, 50]),
  },
  {
    title: 'Wait for the limiter, by lane',
    asks: 'How long do calls wait for the limiter? 95 of 100 wait less. Restarts go first.',
    ...draw('lines', 's', 8),
    queries: percentiles('lane', part('api_rate_limit_wait_seconds', 'bucket', { account })),
  },
  {
    title: 'Calls waiting, by lane',
    asks: 'How many calls wait for the limiter now?',
    ...draw('stack', 'short', 8),
    queries: { '{{lane}}': `sum by (lane) (${metric('api_queue_length', { account })})` },
  },
  {
    title: 'Circuits',
    asks: 'Which API fails for the whole account, and with which class of error?',
    ...draw('timeline', 'none', 8),
    queries: {
      '{{account}} {{circuit}}: {{class}}': `max by (account, circuit, class) (${metric('api_circuit_open', { account })}) > 0`,
    },
  },
];

export const daemon: readonly PanelPlan[] = [
  {
    title: 'Age of the last complete poll',
    asks: 'How old is the newest complete list? The gap between polls stands beside it.',
    ...draw('lines', 's', 6),
    queries: {
      '{{account}}': `time() - max by (account) (${metric('last_poll_success_timestamp_seconds', { account })})`,
      '{{account}} interval': `max by (account) (${metric('poll_interval_seconds', { account })})`,
    },
  },
  {
    title: 'Duration of polls',
    asks: 'How long does a poll take, from its first request to its last answer?',
    ...draw('lines', 's', 6),
    queries: percentiles('account', part('poll_duration_seconds', 'bucket', { account })),
  },
  {
    title: 'Polls that failed a minute, by class',
    asks: 'Which polls failed? relaykeeper decides nothing from them. suspect: the list lost more than half of its tasks.',
    ...draw('stack', 'short', 6),
    queries: {
      '{{account}} {{class}}': `${perMinute('account, class', metric('poll_failures_total', { account }))} > 0`,
    },
  },
  {
    title: 'Owners',
    asks: 'Which process acts for which account? Each account should have exactly one.',
    ...draw('timeline', 'none', 6),
    queries: { '{{account}} {{instance}}': metric('owner', { account }) },
  },
  {
    title: 'Duration of store operations',
    asks: 'How long does the store take to read and write the ledger?',
    ...draw('lines', 's', 6),
    queries: percentiles('operation', part('store_operation_duration_seconds', 'bucket')),
  },
  {
    title: 'Store errors a minute',
    asks: 'Can relaykeeper write the ledger? While it cannot, it restarts nothing.',
    ...draw('stack', 'short', 6),
    queries: { '{{operation}}': `${perMinute('operation', metric('store_errors_total'))} > 0` },
  },
  {
    title: 'Log lines a minute',
    asks: 'Are there warnings or errors in the log that somebody should read?',
    ...draw('stack', 'short', 6),
    queries: {
      '{{level}}': perMinute('level', metric('log_messages_total', { level: ['info', 'warn', 'error'] })),
    },
  },
  {
    title: 'Clock of the cloud against ours',
    asks: 'How far apart are the clocks? Below 2 seconds this shows 0; beyond about 15 minutes the cloud refuses calls.',
    ...draw('lines', 's', 6),
    queries: { '{{account}}': `max by (account) (${metric('clock_skew_seconds', { account })})` },
  },
];
