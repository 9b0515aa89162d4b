/** All tasks, found by what people remember of them; and one task with its story, its rules and its buttons. */

import { html } from 'hono/html';
import type { ExplainView, RuleView } from '../../domain/views/shown.ts';
import { durationText } from '../../domain/words/duration.ts';
import { reasons } from '../../domain/words/reason.ts';
import { taskStates } from '../../domain/words/task.ts';
import { checked, cursorOf, tasksQuery } from '../inputs.ts';
import { eventTable } from './event-page.ts';
import {
  type Html,
  howToDoMore,
  optionsOf,
  type Page,
  queryOf,
  renewed,
  tableOf,
  taskAddress,
  timeOf,
  type Visit,
} from './frame.ts';
import { nextOf, reasonOf } from './home-page.ts';

const onePage = 50;

/** What a form leaves empty was not asked for. */
export const filled = (query: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''));

export function tasksPage(visit: Visit): Page {
  const { texts, operations, base } = visit;
  const asked = filled(visit.query);
  const { cursor, ...query } = checked(tasksQuery, { limit: String(onePage), ...asked }, 'the address');
  const [account, taskId] = cursor ?? [];
  const after = account !== undefined && taskId !== undefined ? { account, taskId } : undefined;
  const { tasks, more } = operations.tasks({ ...query, after });
  const last = tasks.at(-1);
  const groups = [...new Set(operations.status().groups.map(({ group }) => group))];
  const reasonNames = Object.fromEntries(reasons.map((name) => [name, texts.reasons[name] ?? name]));
  const stateNames = Object.fromEntries(taskStates.map((name) => [name, texts.states[name]]));
  return {
    title: texts.tasks,
    live: true,
    body: html`<h1>${texts.tasks}</h1>
<form method="get" action="${base}/tasks" class="filters" aria-label="${texts.show}">
<label>${texts.search}<input type="search" name="search" value="${asked.search ?? ''}" maxlength="128"></label>
<label>${texts.group}<select name="group">${optionsOf(visit, Object.fromEntries(groups.map((name) => [name, name])), asked.group)}</select></label>
<label>${texts.state}<select name="state">${optionsOf(visit, stateNames, asked.state)}</select></label>
<label>${texts.reason}<select name="reason">${optionsOf(visit, reasonNames, asked.reason)}</select></label>
<button>${texts.show}</button>
</form>
${renewed(
  visit,
  html`${tableOf(visit, texts.tasks, tasks, [
    {
      head: texts.title,
      cell: (task) =>
        html`<a id="t-${task.account}-${task.taskId}" href="${taskAddress(visit, task)}">${task.title}</a>`,
    },
    { head: texts.state, cell: (task) => html`<span class="state ${task.state}">${texts.states[task.state]}</span>` },
    { head: texts.group, cell: (task) => task.group ?? texts.unmanaged },
    { head: texts.cloudGroup, cell: (task) => task.cloudGroup },
    { head: texts.account, cell: (task) => task.account },
    { head: texts.why, cell: (task) => reasonOf(visit, task) },
    { head: texts.next, cell: (task) => nextOf(visit, task) },
  ])}
<p>${asked.cursor === undefined ? '' : html`<a href="${base}/tasks${queryOf({ ...asked, cursor: undefined })}">${texts.firstPage}</a> `}${
    more && last
      ? html`<a href="${base}/tasks${queryOf({ ...asked, cursor: cursorOf([last.account, last.taskId]) })}">${texts.nextPage}</a>`
      : ''
  }</p>`,
)}`,
  };
}

export async function taskPage(visit: Visit): Promise<Page> {
  const { texts, operations, params } = visit;
  const task = await operations.explain(params.id ?? '', params.account);
  const events = await operations.events({ account: task.account, taskId: task.taskId, limit: 100 });
  return {
    title: task.title,
    live: true,
    body: html`<h1>${task.title}</h1>
${buttonsOf(visit, task)}
${renewed(
  visit,
  html`<p class="state ${task.state}"><strong>${texts.states[task.state]}</strong>${
    task.downSince !== null
      ? html` · ${texts.downSince} ${timeOf(task.downSince)} (${durationText(visit.now - task.downSince)})`
      : ''
  }</p>
${task.verdict.kind === 'none' ? '' : html`<p>${reasonOf(visit, task)} · ${texts.next}: ${nextOf(visit, task)}</p>`}
<dl>${factsOf(visit, task).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${task.holds.length > 0 ? html`<h2>${texts.holds}</h2><ul>${task.holds.map((hold) => html`<li>${hold.reason} · ${hold.author} · ${hold.endsAt === undefined ? texts.untilRemoved : html`${texts.until} ${timeOf(hold.endsAt)}`}</li>`)}</ul>` : ''}
<h2>${texts.explain}</h2>${rulesOf(visit, task.rules)}
<h2>${texts.timeline}</h2>${eventTable(visit, events, false)}`,
)}`,
  };
}

const factsOf = ({ texts }: Visit, task: ExplainView): readonly (readonly [string, unknown])[] => [
  ['ID', task.taskId],
  [texts.group, task.group ?? texts.unmanaged],
  [texts.cloudGroup, task.cloudGroup],
  [texts.account, task.account],
  [texts.type, task.type],
  [texts.starts, task.startsAt === null ? '–' : timeOf(task.startsAt)],
  [texts.ends, task.endsAt === null ? '–' : timeOf(task.endsAt)],
  [texts.attempts, `${task.attempts.made} (${task.attempts.failedInRow} ${texts.inRow})`],
];

function rulesOf(visit: Visit, rules: readonly RuleView[]): Html {
  const { texts } = visit;
  const time = (at: RuleView['notBefore']) => {
    if (at === null) return '';
    if (at === 'never') return texts.never;
    return at === 'unknown' ? texts.unknownTime : timeOf(at);
  };
  return tableOf(visit, texts.explain, rules, [
    { head: texts.rule, cell: ({ reason }) => html`${texts.reasons[reason] ?? reason} <small>${reason}</small>` },
    {
      head: texts.says,
      cell: ({ notBefore, detail }) =>
        notBefore === null ? html`<small>${texts.nothingAgainst}</small>` : html`<strong>${detail}</strong>`,
    },
    { head: texts.notBefore, cell: ({ notBefore }) => time(notBefore) },
  ]);
}

function buttonsOf(visit: Visit, task: ExplainView): Html {
  const { texts, mayOperate, base } = visit;
  if (!mayOperate) return howToDoMore(visit);
  const at = taskAddress(visit, task);
  return html`<div class="buttons">
<form method="post" action="${at}/restart"><button>${texts.restartNow}</button> <label><input type="checkbox" name="force" value="yes"> ${texts.restartForce}</label></form>
${task.givenUp === null ? '' : html`<form method="post" action="${at}/release"><button>${texts.release}</button></form>`}
<a role="button" class="secondary" href="${base}/holds${queryOf({ account: task.account, task: task.taskId })}">${texts.hold}</a>
</div>`;
}
