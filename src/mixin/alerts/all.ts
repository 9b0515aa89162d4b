/** Every alert rule, in the groups in which they are evaluated: the one source of all generated rule files. */

import type { AlertRule, RuleGroup } from './alert.ts';
import { warnings } from './by-daylight.ts';
import { pages } from './pages.ts';
import { type Pace, paceOf } from './promql.ts';

export const ruleGroups = (pace: Pace = paceOf(1)): readonly RuleGroup[] => [
  { name: 'relaykeeper-pages', interval: '15s', rules: pages(pace).map((rule) => ({ severity: 'page', ...rule })) },
  {
    name: 'relaykeeper-warnings',
    interval: '30s',
    rules: warnings(pace).map((rule) => ({ severity: 'warning', ...rule })),
  },
];

export const alertRules = (pace: Pace = paceOf(1)): readonly AlertRule[] =>
  ruleGroups(pace).flatMap(({ rules }) => rules);
