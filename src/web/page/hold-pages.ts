/** Holds: those in force, a form for another one, and what it would cover before it is set. */
import { html } from 'hono/html';
import type { HoldView } from '../../domain/views/shown.ts';
import { durationText } from '../../domain/words/duration.ts';
import type { Hold } from '../../domain/words/events.ts';
import { checked, holdBody, holdMs } from '../inputs.ts';
import { Denial } from '../problem.ts';
import { storyOf } from './event-page.ts';
import { type Html, howToDoMore, type Page, renewed, tableOf, taskAddress, timeOf, type Visit } from './frame.ts';

const titlesShown = 20;
const endedShown = 20;
const dayMs = 86_400_000;

export async function holdsPage(visit: Visit): Promise<Page> {
  const { texts, operations, mayOperate, now } = visit;
  const ended = await operations.events({ types: ['hold-removed', 'hold-expired'], limit: endedShown });
  const lately = ended.filter(({ event }) => event.at > now - dayMs);
  return {
    title: texts.holds,
    live: true,
    body: html`<h1>${texts.holds}</h1>
${renewed(
  visit,
  html`${holdTable(visit, operations.holds())}
${lately.length > 0 ? html`<h2>${texts.endedLately}</h2>${storyOf(visit, lately)}` : ''}`,
)}
<h2 id="set">${texts.setHold}</h2>
${mayOperate ? formOf(visit) : howToDoMore(visit)}`,
  };
}

function holdTable(visit: Visit, holds: readonly HoldView[]): Html {
  const { texts, base, mayOperate, now } = visit;
  return tableOf(visit, texts.holds, holds, [
    { head: texts.target, cell: (hold) => targetOf(visit, hold, hold.title) },
    {
      head: texts.coversNow,
      cell: ({ covers }) => html`${covers.tasks} ${texts.tasksOf}, ${covers.stopped} ${texts.states.stopped}`,
    },
    { head: texts.reason, cell: ({ reason }) => reason },
    { head: texts.author, cell: ({ author, createdAt }) => html`${author} <small>${timeOf(createdAt)}</small>` },
    {
      head: texts.until,
      cell: ({ endsAt }) =>
        endsAt === undefined
          ? texts.untilRemoved
          : html`${texts.in} ${durationText(endsAt - now)} <small>${timeOf(endsAt)}</small>`,
    },
    ...(mayOperate
      ? [
          {
            head: texts.remove,
            cell: ({ id }: HoldView) =>
              html`<form method="post" action="${base}/holds/${encodeURIComponent(id)}/remove"><button class="secondary" aria-label="${texts.remove}: ${id}">${texts.remove}</button></form>`,
          },
        ]
      : []),
  ]);
}

function targetOf(
  visit: Visit,
  { account, target }: Pick<Hold, 'account' | 'target'>,
  title: string | null = null,
): Html {
  const { texts } = visit;
  switch (target.kind) {
    case 'task':
      return html`${texts.task} <a href="${taskAddress(visit, { account, taskId: target.taskId })}">${title ?? target.taskId}</a>`;
    case 'group':
      return html`${texts.group} ${target.group} (${account})`;
    case 'account':
      return html`${texts.account} ${account}`;
    default:
      return target satisfies never;
  }
}

function formOf(visit: Visit): Html {
  const { texts, base, operations, query } = visit;
  const { accounts, groups } = operations.status();
  const option = (value: string, text: string, chosen: boolean) =>
    html`<option value="${value}"${chosen ? html` selected` : ''}>${text}</option>`;
  return html`<form method="post" action="${base}/holds" class="filters">
<label>${texts.target}<select name="target">
${accounts.map(({ account }) => option(`account/${account}`, `${account}: ${texts.wholeAccount}`, false))}
${groups.map(({ account, group }) => option(`group/${account}/${group}`, `${account}: ${texts.group} ${group}`, group === query.group))}
${accounts.map(({ account }) => option(`task/${account}`, `${account}: ${texts.oneTask} ↓`, query.task !== undefined && account === query.account))}
</select></label>
<label>${texts.oneTask}<input name="task" value="${query.task ?? ''}" maxlength="128"></label>
<label>${texts.length}<input name="for" value="1h" maxlength="40"></label>
<label>${texts.reasonWhy}<input name="reason" required maxlength="500"></label>
<button>${texts.preview}</button>
</form>`;
}

/** The form's fields as the API has them. */
function requestOf({ form }: Visit) {
  const [kind, account = '', group = ''] = (form.target ?? '').split('/').map((part) => part);
  const target =
    kind === 'task' ? { kind, taskId: form.task ?? '' } : kind === 'group' ? { kind, group } : { kind: 'account' };
  const length = (form.for ?? '').trim();
  return checked(
    holdBody,
    { account, target, reason: (form.reason ?? '').trim(), ...(length === '' ? {} : { for: length }) },
    'the form',
  );
}

export async function previewPage(visit: Visit): Promise<Page> {
  const { texts, form, base } = visit;
  const { account = '', target, reason } = requestOf(visit);
  const titles = await coveredBy(visit, account, target);
  return {
    title: texts.setHold,
    body: html`<h1>${texts.setHold}</h1>
<p>${targetOf(visit, { account, target })} · ${reason}</p>
<h2>${texts.covers}</h2>
<ul>${titles.shown.map((title) => html`<li>${title}</li>`)}</ul>
${titles.more ? html`<p>… ${texts.more}</p>` : ''}
<form method="post" action="${base}/holds">
${['target', 'task', 'for', 'reason'].map((name) => html`<input type="hidden" name="${name}" value="${form[name] ?? ''}">`)}
<input type="hidden" name="confirmed" value="yes">
<button>${texts.confirm}</button> <a href="${base}/holds">${texts.back}</a>
</form>`,
  };
}

async function coveredBy({ operations }: Visit, account: string, target: Hold['target']) {
  if (target.kind === 'task') return { shown: [(await operations.explain(target.taskId, account)).title], more: false };
  const group = target.kind === 'group' ? target.group : undefined;
  const { tasks, more } = operations.tasks({ account, group, limit: titlesShown });
  return { shown: tasks.map(({ title }) => title), more };
}

export async function addHold(visit: Visit): Promise<void> {
  const body = requestOf(visit);
  const { account, target, reason } = body;
  await visit.operations.addHold({ account, target, reason, author: visit.author, forMs: holdMs(body) });
}

export async function removeHold({ operations, params, author }: Visit): Promise<void> {
  if (params.id === undefined) throw new Denial('not-found', 'no hold without an id', 'See /holds.');
  await operations.removeHold(params.id, author);
}
