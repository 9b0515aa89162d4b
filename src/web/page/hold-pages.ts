/** Holds: those in force, planned and recurring, a form for another one, and what it would cover before it is set. */
import { html } from 'hono/html';
import type { HoldView, StatusView } from '../../domain/views/shown.ts';
import { durationMs, durationText } from '../../domain/words/duration.ts';
import { checked, extendBody, holdBody, theForm } from '../inputs.ts';
import { Denial } from '../problem.ts';
import { storyOf } from './event-page.ts';
import {
  accountColumn,
  type Elsewhere,
  type Html,
  historyOf,
  howToDoMore,
  type Page,
  tableOf,
  targetOf,
  timeOf,
  type Visit,
} from './frame.ts';

const endedShown = 20;
const dayMs = 86_400_000;
const longer = '1h';

export async function holdsPage(visit: Visit): Promise<Page> {
  const { texts, operations, mayOperate, now } = visit;
  const ended = await historyOf(visit, { types: ['hold-removed', 'hold-expired'], limit: endedShown });
  const lately = ended?.filter(({ event }) => event.at > now - dayMs);
  return {
    title: texts.holds,
    body: html`<h1>${texts.holds}</h1>`,
    live: html`${holdTable(visit, operations.holds(), operations.status())}
${lately?.length !== 0 ? html`<h2>${texts.endedLately}</h2>${storyOf(visit, lately, true)}` : ''}`,
    below: html`<h2 id="set">${texts.setHold}</h2>
${mayOperate ? formOf(visit) : howToDoMore(visit)}`,
  };
}

function holdTable(visit: Visit, holds: readonly HoldView[], { accounts }: StatusView): Html {
  const { texts, mayOperate } = visit;
  return tableOf(visit, texts.holds, holds, [
    [texts.target, (hold) => targetOf(visit, hold, hold.title)],
    accountColumn(visit, accounts),
    [texts.coversNow, ({ covers }) => coversOf(visit, covers)],
    [texts.reason, ({ reason }) => reason],
    [
      texts.author,
      ({ author, createdAt, target }) =>
        target.kind === 'match' ? author : html`${author} <small>${timeOf(createdAt)}</small>`,
    ],
    [texts.until, (hold) => spanOf(visit, hold)],
    mayOperate && [texts.change, (hold) => changesOf(visit, hold)],
  ]);
}

const coversOf = ({ texts }: Visit, { tasks, stopped }: HoldView['covers']): string =>
  `${tasks} ${tasks === 1 ? texts.taskOf : texts.tasksOf}, ${stopped} ${texts.states.stopped}`;

function spanOf({ texts, now }: Visit, { inForce, startsAt, endsAt }: HoldView): Html {
  const begins = inForce || startsAt === undefined ? '' : html`${texts.planned} ${timeOf(startsAt)} → `;
  if (endsAt === undefined) return html`${begins}${texts.untilRemoved}`;
  return html`${begins}${inForce ? html`${texts.in} ${durationText(endsAt - now)} ` : ''}<small>${timeOf(endsAt)}</small>`;
}

/** A recurring one is changed in the configuration alone. */
function changesOf({ texts, base }: Visit, { id, target, endsAt }: HoldView): Html {
  if (target.kind === 'match') return html`<small>${texts.recurring}</small>`;
  const at = `${base}/holds/${encodeURIComponent(id)}`;
  const extend = html`<form method="post" action="${at}/extend"><input type="hidden" name="for" value="${longer}"><button class="secondary" aria-label="${texts.extend}: ${id}">${texts.extend}</button></form>`;
  return html`<div class="buttons"><form method="post" action="${at}/remove"><button class="secondary" aria-label="${texts.remove}: ${id}">${texts.remove}</button></form>${endsAt === undefined ? '' : extend}</div>`;
}

function formOf(visit: Visit): Html {
  const { texts, base, operations, query } = visit;
  return html`<form method="post" action="${base}/holds" class="filters hinted">
<label>${texts.target}<select name="target">${targetOptions(visit, operations.status())}</select><small>${texts.targetHelp}</small></label>
<label>${texts.taskOrTitle}<input name="task" value="${query.task ?? ''}" maxlength="256"><small>${texts.taskOrTitleHelp}</small></label>
<label>${texts.beginsIn}<input name="in" maxlength="40"><small>${texts.beginsInHelp}</small></label>
<label>${texts.length}<input name="for" value="1h" maxlength="40"><small>${texts.lengthHelp}</small></label>
<label>${texts.reason}<input name="reason" required maxlength="500"><small>${texts.reasonHelp}</small></label>
<button>${texts.preview}</button>
</form>`;
}

function targetOptions({ texts, query }: Visit, { accounts, groups }: StatusView): readonly Html[] {
  const option = (value: string, text: string, chosen = false) =>
    html`<option value="${value}"${chosen ? html` selected` : ''}>${text}</option>`;
  return [
    ...accounts.map(({ account }) => option(`account/${account}`, `${account}: ${texts.wholeAccount}`)),
    ...groups.map(({ account, group }) =>
      option(`group/${account}/${group}`, `${account}: ${texts.group} ${group}`, group === query.group),
    ),
    ...accounts.map(({ account }) =>
      option(
        `task/${account}`,
        `${account}: ${texts.oneTask} ↓`,
        query.task !== undefined && account === query.account,
      ),
    ),
    ...accounts.map(({ account }) => option(`title/${account}`, `${account}: ${texts.byTitle} ↓`)),
  ];
}

/** The form's fields as the API has them. */
function requestOf({ form, now }: Visit) {
  // A group's name can have slashes.
  const [, kind = '', account = '', group = ''] = /^(\w+)\/([^/]*)(?:\/(.*))?$/s.exec(form.target ?? '') ?? [];
  const named = (form.task ?? '').trim();
  const targets: Readonly<Record<string, unknown>> = {
    task: { kind, taskId: named },
    group: { kind, group },
    title: { kind, title: named },
    account: { kind },
  };
  if (named !== '' && kind !== 'task' && kind !== 'title')
    throw new Denial(
      'bad-request',
      ['the form is wrong: it names a task or titles, but covers more', '表单有误：填写了任务或标题，覆盖范围却更大'],
      [
        'Choose what it covers again, or leave the field beside it empty.',
        '请重新选择覆盖范围，或将旁边的输入框留空。',
      ],
    );
  const length = (form.for ?? '').trim();
  const inMs = durationMs((form.in ?? '').trim() || '0s');
  if (inMs === undefined)
    throw new Denial(
      'bad-request',
      ['the form is wrong: in: must be a duration such as 30m', '表单有误：in：须为时长，例如 30m'],
      ['Leave it empty: at once.', '留空：立即开始。'],
    );
  return checked(
    holdBody,
    {
      account,
      target: targets[kind] ?? {},
      reason: (form.reason ?? '').trim(),
      ...(length === '' ? {} : { for: length }),
      ...(inMs === 0 ? {} : { startsAt: now + inMs }),
    },
    theForm,
  );
}

function previewPage(visit: Visit): Page {
  const { texts, form, base, operations } = visit;
  const { account = '', target, reason } = requestOf(visit);
  const { covers, first } = operations.previewHold({ account, target });
  const more = covers.tasks - first.length;
  const begins = (form.in ?? '').trim();
  return {
    title: texts.setHold,
    body: html`<h1>${texts.setHold}</h1>
<p>${targetOf(visit, { account, target }, target.kind === 'task' ? (first[0]?.title ?? null) : null)} · ${reason} · ${begins === '' ? '' : `${texts.beginsIn}: ${begins} · `}${texts.length}: ${(form.for ?? '').trim() || texts.untilRemoved}</p>
<h2>${texts.covers}: ${coversOf(visit, covers)}</h2>
<ul>${first.map(({ title, stopped }) => html`<li><bdi>${title}</bdi>${stopped ? html` <small class="state stopped">${texts.states.stopped}</small>` : ''}</li>`)}</ul>
${more > 0 ? html`<p>… ${more} ${texts.more}</p>` : ''}
<form method="post" action="${base}/holds">
${['target', 'task', 'in', 'for', 'reason'].map((name) => html`<input type="hidden" name="${name}" value="${form[name] ?? ''}">`)}
<input type="hidden" name="confirmed" value="yes">
<button>${texts.confirm}</button> <a href="${base}/holds">${texts.back}</a>
</form>`,
  };
}

/** Shows first what it would cover. */
export async function addHold(visit: Visit): Promise<Page | Elsewhere> {
  if (visit.form.confirmed !== 'yes') return previewPage(visit);
  await visit.operations.addHold({ ...requestOf(visit), author: visit.author });
  return toHolds;
}

export async function extendHold({ operations, params, form, author }: Visit): Promise<Elsewhere> {
  const { later } = checked(extendBody, { for: form.for ?? longer }, theForm);
  await operations.extendHold(params.id ?? '', later, author);
  return toHolds;
}

export async function removeHold({ operations, params, author }: Visit): Promise<Elsewhere> {
  await operations.removeHold(params.id ?? '', author);
  return toHolds;
}

const toHolds: Elsewhere = { to: '/holds' };
