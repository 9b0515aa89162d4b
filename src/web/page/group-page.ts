/** Groups: how their tasks are, and the policy that is in force for them, with where each value comes from. */

import { html } from 'hono/html';
import type { GroupView } from '../../domain/views/shown.ts';
import { durationText } from '../../domain/words/duration.ts';
import { isMapping } from '../../domain/words/mapping.ts';
import { writtenKey } from '../../domain/words/policy.ts';
import { type TaskState, taskStates } from '../../domain/words/task.ts';
import { queryOf } from '../inputs.ts';
import { type Html, type Page, renewed, severalAccounts, tableOf, timeOf, type Visit } from './frame.ts';

export function groupsPage(visit: Visit): Page {
  const { texts, operations } = visit;
  const { groups, accounts } = operations.status();
  return {
    title: texts.groups,
    live: true,
    body: html`<h1>${texts.groups}</h1>
${renewed(visit, groupTable(visit, groups, severalAccounts(accounts)))}
<h2>${texts.policy}</h2>
<p>${texts.policyHelp}</p>
${policiesOf(operations.config()).map(
  ({ name, rows }, n) =>
    html`<details${n === 0 ? html` open` : ''}><summary>${name} <small>${rows.filter(({ from }) => from !== 'built-in').length} ${texts.ownValues}</small></summary>${policyTable(visit, name, rows)}</details>`,
)}`,
  };
}

function groupTable(visit: Visit, groups: readonly GroupView[], several: boolean): Html {
  const { texts, base } = visit;
  const filtered = (count: number, given: Readonly<Record<string, string>>) =>
    count === 0 ? '' : html`<a href="${base}/tasks${queryOf(given)}">${count}</a>`;
  return tableOf(visit, texts.groups, groups, [
    {
      head: texts.group,
      cell: ({ account, group, mode }) =>
        html`<a href="${base}/tasks${queryOf({ account, group })}">${group}</a>${mode === 'observe' ? html` <small>${texts.observed}</small>` : ''}`,
    },
    ...(several ? [{ head: texts.account, cell: ({ account }: GroupView) => account }] : []),
    {
      head: texts.tasksDown,
      cell: ({ down }) =>
        down > 0 ? html`<strong class="bad">✗ ${down}</strong>` : html`<span class="good">✓ 0</span>`,
    },
    ...shownStates(groups).map((state) => ({
      head: texts.states[state],
      cell: ({ account, group, states }: GroupView) => filtered(states[state], { account, group, state }),
    })),
    {
      head: texts.why,
      cell: ({ account, group, waiting }) =>
        Object.entries(waiting).map(
          ([reason, count]) =>
            html`<div><a href="${base}/tasks${queryOf({ account, group, reason })}">${count}</a> × ${texts.reasons[reason] ?? reason}</div>`,
        ),
    },
    { head: texts.next, cell: ({ nextRestartAt }) => (nextRestartAt === null ? '' : timeOf(nextRestartAt)) },
    { head: texts.holds, cell: ({ holds }) => (holds === 0 ? '' : html`<a href="${base}/holds">${holds}</a>`) },
  ]);
}

/** Those that some task is in. */
const shownStates = (groups: readonly GroupView[]): readonly TaskState[] =>
  taskStates.filter((state) => groups.some(({ states }) => states[state] > 0));

interface Row {
  readonly key: string;
  readonly value: string;
  readonly from: string;
}

/** Of the configuration as everybody may read it: what it has under `groups`, and its origins beside. */
function policiesOf(config: unknown): readonly { readonly name: string; readonly rows: readonly Row[] }[] {
  if (!isMapping(config) || !Array.isArray(config.groups)) return [];
  const origins = isMapping(config.policyOrigins) ? config.policyOrigins : {};
  return config.groups.filter(isMapping).map(({ name, ...policy }) => {
    const own = origins[String(name)];
    return { name: String(name), rows: rowsOf(policy, isMapping(own) ? own : {}) };
  });
}

const rowsOf = (
  policy: object,
  origins: Readonly<Record<string, unknown>>,
  path = '',
  from?: unknown,
): readonly Row[] =>
  Object.entries(policy).flatMap(([name, value]) => {
    const key = path + writtenKey(name);
    const origin = origins[key] ?? from;
    return isMapping(value)
      ? rowsOf(value, origins, `${key}.`, origin)
      : [{ key, value: valueWords(name, value), from: typeof origin === 'string' ? origin : 'built-in' }];
  });

function valueWords(key: string, value: unknown): string {
  if (key.endsWith('Ms') && typeof value === 'number') return durationText(value);
  if (!Array.isArray(value)) return String(value);
  return value.length === 0
    ? '[]'
    : value.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join(', ');
}

function policyTable(visit: Visit, name: string, rows: readonly Row[]): Html {
  const { texts } = visit;
  return tableOf(visit, `${texts.policy}: ${name}`, rows, [
    { head: texts.key, cell: ({ key }) => html`<code>${key}</code>` },
    { head: texts.value, cell: ({ value, from }) => (from === 'built-in' ? value : html`<strong>${value}</strong>`) },
    {
      head: texts.comesFrom,
      cell: ({ from }) => html`<span class="origin ${from}">${texts.origins[from] ?? from}</span>`,
    },
  ]);
}
