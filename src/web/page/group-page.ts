/** Groups: how their tasks are, and the policy that is in force for them, with where each value comes from. */

import { html } from 'hono/html';
import type { GroupView, StatusView } from '../../domain/views/shown.ts';
import { durationText } from '../../domain/words/duration.ts';
import { isMapping } from '../../domain/words/mapping.ts';
import { writtenKey } from '../../domain/words/policy.ts';
import { type TaskState, taskStates } from '../../domain/words/task.ts';
import { queryOf } from '../inputs.ts';
import { accountColumn, type Column, type Html, type Page, tableOf, timeOf, type Visit } from './frame.ts';

export async function groupsPage(visit: Visit): Promise<Page> {
  const { texts, operations } = visit;
  const policies: Html[] = [];
  // One after the other: begun together, all would be made in one turn of the thread.
  for (const { name, rows } of policiesOf(operations.config()))
    policies.push(
      html`<details${policies.length === 0 ? html` open` : ''}><summary>${name} <small>${rows.filter(({ from }) => from !== 'built-in').length} ${texts.ownValues}</small></summary>${await policyTable(visit, name, rows)}</details>`,
    );
  return {
    title: texts.groups,
    body: html`<h1>${texts.groups}</h1>`,
    live: groupTable(visit, operations.status()),
    below: html`<h2>${texts.policy}</h2>
<p>${texts.policyHelp}</p>
${policies}`,
  };
}

function groupTable(visit: Visit, { groups, accounts }: StatusView): Html {
  const { texts, base } = visit;
  const tasks = (shown: unknown, { account, group }: GroupView, more: Readonly<Record<string, string>> = {}) =>
    html`<a href="${base}/tasks${queryOf({ account, group, ...more })}">${shown}</a>`;
  return tableOf(visit, texts.groups, groups, [
    [
      texts.group,
      (one) => html`${tasks(one.group, one)}${one.mode === 'observe' ? html` <small>${texts.observed}</small>` : ''}`,
    ],
    accountColumn(visit, accounts),
    [
      texts.tasksDown,
      ({ down }) => (down > 0 ? html`<strong class="bad">✗ ${down}</strong>` : html`<span class="good">✓ 0</span>`),
    ],
    ...shownStates(groups).map(
      (state): Column<GroupView> => [
        texts.states[state],
        (one) => (one.states[state] === 0 ? '' : tasks(one.states[state], one, { state })),
      ],
    ),
    [
      texts.why,
      (one) =>
        Object.entries(one.waiting).map(
          ([reason, count]) => html`<div>${tasks(count, one, { reason })} × ${texts.reasons[reason] ?? reason}</div>`,
        ),
    ],
    [texts.next, ({ nextRestartAt }) => (nextRestartAt === null ? '' : timeOf(nextRestartAt))],
    [texts.holds, ({ holds }) => (holds === 0 ? '' : html`<a href="${base}/holds">${holds}</a>`)],
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
    [texts.key, ({ key }) => html`<code>${key}</code>`],
    [texts.value, ({ value, from }) => (from === 'built-in' ? value : html`<strong>${value}</strong>`)],
    [texts.comesFrom, ({ from }) => html`<span class="origin ${from}">${texts.origins[from] ?? from}</span>`],
  ]);
}
