/** Groups: how their tasks are, and the policy that is in force for them. */

import { html } from 'hono/html';
import type { GroupView } from '../../domain/views/shown.ts';
import { durationText } from '../../domain/words/duration.ts';
import { type Html, type Page, queryOf, renewed, tableOf, timeOf, type Visit } from './frame.ts';

export function groupsPage(visit: Visit): Page {
  const { texts, operations } = visit;
  const { groups } = operations.status();
  return {
    title: texts.groups,
    live: true,
    body: html`<h1>${texts.groups}</h1>
${renewed(visit, groupTable(visit, groups))}
${policiesOf(operations.config()).map(
  ({ name, ...policy }) =>
    html`<details><summary>${texts.policy}: ${name}</summary>${policyTable(visit, name, policy)}</details>`,
)}`,
  };
}

function groupTable(visit: Visit, groups: readonly GroupView[]): Html {
  const { texts, base } = visit;
  return tableOf(visit, texts.groups, groups, [
    {
      head: texts.group,
      cell: ({ account, group, mode }) =>
        html`<a href="${base}/tasks${queryOf({ account, group })}">${group}</a>${mode === 'observe' ? html` <small>${texts.observed}</small>` : ''}`,
    },
    { head: texts.account, cell: ({ account }) => account },
    { head: texts.tasksDown, cell: ({ down }) => down },
    ...(['active', 'stopped', 'not_started', 'overdue', 'ended', 'unknown'] as const).map((state) => ({
      head: texts.states[state],
      cell: ({ states }: GroupView) => states[state],
    })),
    {
      head: texts.why,
      cell: ({ waiting }) =>
        Object.entries(waiting)
          .map(([reason, count]) => `${count} × ${texts.reasons[reason] ?? reason}`)
          .join('; '),
    },
    { head: texts.next, cell: ({ nextRestartAt }) => (nextRestartAt === null ? '' : timeOf(nextRestartAt)) },
    { head: texts.holds, cell: ({ holds }) => holds },
  ]);
}

interface Named {
  readonly name: string;
  readonly [key: string]: unknown;
}

function policiesOf(config: unknown): readonly Named[] {
  const groups: unknown = typeof config === 'object' && config !== null && 'groups' in config ? config.groups : [];
  return Array.isArray(groups) ? (groups as readonly Named[]) : [];
}

function policyTable(visit: Visit, name: string, policy: object): Html {
  const { texts } = visit;
  return tableOf(visit, `${texts.policy}: ${name}`, leaves(policy), [
    { head: texts.key, cell: ([key]) => html`<code>${key.replace(/Ms$/, '')}</code>` },
    { head: texts.value, cell: ([key, value]) => wordOf(key, value) },
  ]);
}

function leaves(value: object, path = ''): readonly (readonly [string, unknown])[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? leaves(inner, `${path}${key}.`)
      : [[`${path}${key}`, inner] as const],
  );
}

const wordOf = (key: string, value: unknown): string => {
  if (key.endsWith('Ms') && typeof value === 'number') return durationText(value);
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join(', ');
  return String(value);
};
