/** All tasks, found by what people remember of them; and one task with its story, its rules and its buttons. */

import { html } from 'hono/html';
import type { ExplainView, RuleView } from '../../domain/views/shown.ts';
import { isOver, troublesOf } from '../../domain/views/trouble.ts';
import { durationText } from '../../domain/words/duration.ts';
import { objectionSentences, type Sentences } from '../../domain/words/reason.ts';
import { Refusal } from '../../domain/words/refusal.ts';
import { checked, cursorOf, queryOf, tasksQuery, theAddress } from '../inputs.ts';
import { answerWords } from './chinese-events.ts';
import { storyOf } from './event-page.ts';
import {
  accountColumn,
  type Column,
  choiceOf,
  type Elsewhere,
  filled,
  type Html,
  historyOf,
  howToDoMore,
  type Page,
  placeFilter,
  tableOf,
  taskAddress,
  taskLink,
  timeOf,
  titleColumn,
  type Visit,
  withTimes,
} from './frame.ts';
import { downColumn, nextOf, reasonOf, troubleCard } from './home-page.ts';

const onePage = 50;
/** Of a task's story so many are shown. */
const mostShown = 100;

export function tasksPage(visit: Visit): Page {
  const { texts, operations, base } = visit;
  const asked = filled(visit.query);
  const { tasks, more } = operations.tasks(checked(tasksQuery, { limit: String(onePage), ...asked }, theAddress));
  const last = tasks.at(-1);
  const status = operations.status();
  return {
    title: texts.tasks,
    body: html`<h1>${texts.tasks}</h1>
<form method="get" action="${base}/tasks" class="filters" aria-label="${texts.show}">
<label>${texts.search}<input type="search" name="search" value="${asked.search ?? ''}" maxlength="128"></label>
${placeFilter(visit, status, asked)}${choiceOf(visit, texts.state, 'state', { down: texts.downState, ...texts.states }, asked)}${choiceOf(visit, texts.reason, 'reason', texts.reasons, asked)}<button>${texts.show}</button>
</form>`,
    live: html`${tableOf(visit, texts.tasks, tasks, [
      titleColumn(visit),
      [texts.state, ({ state }) => html`<span class="state ${state}">${texts.states[state]}</span>`],
      tasks.some(({ downSince }) => downSince !== null) && downColumn(visit),
      [texts.group, ({ group }) => group ?? texts.unmanaged],
      [texts.cloudGroup, ({ cloudGroup }) => cloudGroup],
      accountColumn(visit, status.accounts),
      [texts.why, (task) => reasonOf(visit, task)],
      [texts.next, (task) => nextOf(visit, task)],
    ])}
<p>${asked.cursor === undefined ? '' : html`<a href="${base}/tasks${queryOf({ ...asked, cursor: undefined })}">${texts.firstPage}</a> `}${
      more && last
        ? html`<a href="${base}/tasks${queryOf({ ...asked, cursor: cursorOf([last.account, last.taskId]) })}">${texts.nextPage}</a>`
        : ''
    }</p>`,
  };
}

export async function taskPage(visit: Visit): Promise<Page> {
  const { texts, operations, params, base } = visit;
  const task = await operations.explain(params.id ?? '', params.account);
  const { account, taskId } = task;
  const events = await historyOf(visit, { account, taskId, limit: mostShown });
  const heading = task.verdict.kind === 'none' ? texts.ifStopped : texts.explain;
  const trouble = troublesOf(operations.status()).filter(
    (one) => !isOver(one) && (one.kind === 'store' || one.account === account),
  );
  return {
    title: task.title,
    live: html`<div class="head"><h1><bdi>${task.title}</bdi></h1>${buttonsOf(visit, task)}</div>
${verdictOf(visit, task)}
${troubleCard(visit, trouble)}
<dl>${factsOf(visit, task).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${task.holds.length > 0 ? html`<h2>${texts.holds}</h2><ul>${task.holds.map((hold) => html`<li>${hold.reason} · ${hold.author} · ${hold.endsAt === undefined ? texts.untilRemoved : html`${texts.until} ${timeOf(hold.endsAt)}`}</li>`)}</ul>` : ''}
<div class="halves">
<section><h2>${heading}</h2>${rulesOf(visit, heading, task.rules)}</section>
<section><h2>${texts.timeline}</h2>${storyOf(visit, events)}${
      events?.length === mostShown
        ? html`<p><a href="${base}/events${queryOf({ account, task: taskId, before: String(events.at(-1)?.seq ?? '') })}">${texts.older}</a></p>`
        : ''
    }</section>
</div>`,
  };
}

/** What it is, since when, why nothing is sent, and what comes next: the answer before all details. */
function verdictOf(visit: Visit, task: ExplainView): Html {
  const { texts, now } = visit;
  const { state, downSince, verdict } = task;
  const since = downSince ?? task.changedAt;
  return html`<p class="verdict state ${state}"><strong>${texts.states[state]}</strong> ${durationText(now - since)} <small>${texts.since} ${timeOf(since)}</small></p>
${verdict.kind === 'none' ? '' : html`<p class="verdict">${texts.why}: <strong>${reasonOf(visit, task)}</strong> · ${texts.next}: <strong>${nextOf(visit, task)}</strong></p>`}`;
}

const factsOf = (visit: Visit, task: ExplainView): readonly (readonly [string, unknown])[] => {
  const { texts } = visit;
  return [
    ['ID', task.taskId],
    [texts.group, groupOf(visit, task)],
    [texts.cloudGroup, task.cloudGroup],
    [texts.account, task.account],
    [texts.type, task.type],
    [texts.starts, task.startsAt === null ? '–' : timeOf(task.startsAt)],
    [texts.ends, endOf(visit, task)],
    [texts.attempts, `${task.attempts.made} (${task.attempts.failedInRow} ${texts.inRow})`],
  ];
};

/** The entry of `groups:` that has it, or which `exclude` of it keeps it out. */
function groupOf({ texts, base }: Visit, { account, group, entry }: ExplainView): unknown {
  if (group !== null) return html`<a href="${base}/tasks${queryOf({ account, group })}">${group}</a>`;
  return entry?.excludedBy
    ? html`${texts.unmanaged} <small>${texts.excludedBy} ${entry.group}: <code>exclude.${entry.excludedBy.key} ${entry.excludedBy.glob}</code></small>`
    : texts.unmanaged;
}

/** Whether somebody follows is of interest only of a task that has an end. */
function endOf(visit: Visit, { account, endsAt, successor }: ExplainView): unknown {
  const { texts } = visit;
  if (endsAt === null) return '–';
  return html`${timeOf(endsAt)} <small>${successor === null ? texts.nobodyFollows : html`${texts.follows} ${taskLink(visit, { account, ...successor })}`}</small>`;
}

/** First those that say no; the others are there for who wants to see them. */
function rulesOf(visit: Visit, heading: string, rules: readonly RuleView[]): Html {
  const { texts } = visit;
  const against = rules.filter(({ notBefore }) => notBefore !== null);
  const others = rules.filter(({ notBefore }) => notBefore === null);
  const name: Column<RuleView> = [
    texts.rule,
    ({ reason }) => html`${texts.reasons[reason] ?? reason} <small>${reason}</small>`,
  ];
  return html`${against.length === 0 ? html`<p class="good">✓ ${texts.noRuleAgainst}</p>` : tableOf(visit, heading, against, [name, [texts.says, (rule) => html`<strong>${withTimes(texts.say(objectionOf(rule)))}</strong>`], [texts.notBefore, (rule) => ruleTime(visit, rule)]])}
<details id="others"><summary id="others-count">${others.length} ${texts.othersSayNothing}</summary>${tableOf(visit, texts.othersSayNothing, others, [name])}</details>`;
}

const objectionOf = ({ detail, objection }: RuleView): Sentences => [
  detail,
  objection ? objectionSentences(objection)[1] : '',
];

function ruleTime({ texts }: Visit, { notBefore }: RuleView): unknown {
  if (notBefore === null) return '';
  if (notBefore === 'never') return texts.never;
  return notBefore === 'unknown' ? texts.unknownTime : timeOf(notBefore);
}

/** Of one that runs a restart is refused, unless the list that says so is too old. */
const canRestart = ({ gone, group, state, rules }: ExplainView): boolean =>
  !gone &&
  group !== null &&
  state !== 'ended' &&
  (state !== 'active' || rules.some(({ reason, notBefore }) => reason === 'blind' && notBefore !== null));

function buttonsOf(visit: Visit, task: ExplainView): Html {
  const { texts, mayOperate, base } = visit;
  if (!mayOperate) return howToDoMore(visit);
  const at = base + taskAddress(task);
  const force = html` <label><input type="checkbox" id="force" name="force" value="yes"> ${texts.restartForce}</label>`;
  return html`<div class="buttons">
${canRestart(task) ? html`<form method="post" action="${at}/restart"><button>${texts.restartNow}</button>${task.holds.length > 0 ? force : ''}</form>` : ''}
${task.givenUp === null ? '' : html`<form method="post" action="${at}/release"><button>${texts.release}</button></form>`}
<a role="button" class="secondary" href="${base}/holds${queryOf({ account: task.account, task: task.taskId })}#set">${texts.hold}</a>
</div>`;
}

export async function restart({
  operations,
  params: { account = '', id = '' },
  author,
  form,
}: Visit): Promise<Elsewhere> {
  const { task, answer } = await operations.restart(id, { account, by: author, force: form.force === 'yes' });
  if (answer.kind === 'refused' || answer.kind === 'throttled' || answer.kind === 'not-sent')
    throw new Refusal('refused', [
      `${task.title}: ${answer.kind}: ${answer.failure.message}`,
      `${task.title}：${answerWords(answer)}`,
    ]);
  return { to: taskAddress({ account, taskId: id }) };
}

export async function release({ operations, params: { account = '', id = '' }, author }: Visit): Promise<Elsewhere> {
  await operations.release(id, { account, by: author });
  return { to: taskAddress({ account, taskId: id }) };
}
