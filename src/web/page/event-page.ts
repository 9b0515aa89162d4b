/** What happened, newest first, filterable and live. */
import { html } from 'hono/html';
import type { EventView } from '../../domain/views/shown.ts';
import { type EventOf, type EventType, groupConcerned, isRecordedType } from '../../domain/words/events.ts';
import { checked, eventsAsked, eventsQuery, queryOf, theAddress } from '../inputs.ts';
import { eventSentence } from './chinese-events.ts';
import {
  type Asked,
  choiceOf,
  filled,
  type Html,
  historyOf,
  noHistory,
  type Page,
  placeFilter,
  tableOf,
  targetOf,
  taskLink,
  timeOf,
  type Visit,
  withTimes,
} from './frame.ts';
import { type Tone, toneOfType } from './texts.ts';

const onePage = 100;

/** What people ask for, by name: the types that answer it. */
const presets = {
  outages: ['outage-opened', 'outage-ended', 'task-overdue'],
  restarts: ['restart-intended', 'restart-answered', 'restart-worked', 'restart-failed', 'restart-given-back'],
  guards: [
    'storm-started',
    'storm-ended',
    'circuit-opened',
    'circuit-closed',
    'polls-failing',
    'polls-recovered',
    'list-incomplete',
    'list-complete',
    'restarts-throttled',
  ],
} as const satisfies Readonly<Record<string, readonly EventType[]>>;

export async function eventsPage(visit: Visit): Promise<Page> {
  const { texts, base, operations } = visit;
  const asked = filled(visit.query);
  const query = checked(eventsQuery, { limit: String(onePage), ...asked }, theAddress);
  const events = await historyOf(visit, eventsAsked(operations, query));
  const last = events?.at(-1);
  const to = (change: Readonly<Record<string, string | undefined>>) =>
    `${base}/events${queryOf({ ...asked, ...change })}`;
  return {
    title: texts.events,
    body: html`<h1>${texts.events}</h1>
<p class="presets">${presetLinks(visit, asked)}</p>
${filtersOf(visit, asked)}`,
    live: html`${events ? eventTable(visit, events) : noHistory(visit)}
<p>${asked.before === undefined ? '' : html`<a href="${to({ before: undefined })}">${texts.newest}</a> `}${
      last && events?.length === query.limit
        ? html`<a href="${to({ before: String(last.seq) })}">${texts.older}</a>`
        : ''
    }</p>`,
  };
}

function presetLinks({ texts, base }: Visit, asked: Asked) {
  const { account, group, task } = asked;
  const link = (name: string, query: Readonly<Partial<Record<'type' | 'changes', string>>>) =>
    html`<a href="${base}/events${queryOf({ account, group, task, ...query })}"${query.type === asked.type && query.changes === asked.changes ? html` aria-current="true"` : ''}>${name}</a> `;
  return [
    link(texts.everything, {}),
    ...Object.entries(presets).map(([name, types]) =>
      link(texts.presets[name as keyof typeof presets], { type: types.join() }),
    ),
    link(texts.presets.changes, { changes: 'true' }),
  ];
}

function filtersOf(visit: Visit, asked: Asked): Html {
  const { texts, base, operations } = visit;
  const preset = Object.entries(presets).find(([, types]) => types.join() === asked.type)?.[0];
  const types = {
    ...(preset ? { [asked.type ?? '']: texts.presets[preset as keyof typeof presets] } : {}),
    ...Object.fromEntries(Object.entries(texts.types).filter(([type]) => isRecordedType(type as EventType))),
  };
  return html`<form method="get" action="${base}/events" class="filters" aria-label="${texts.show}">
${asked.changes === undefined ? choiceOf(visit, texts.type, 'type', types, asked) : html`<input type="hidden" name="changes" value="true">`}
${placeFilter(visit, operations.status(), asked)}<label>${texts.task}<input name="task" value="${asked.task ?? ''}" maxlength="128"></label>
<button>${texts.show}</button>
</form>`;
}

const eventTable = (visit: Visit, events: readonly EventView[]): Html =>
  tableOf(visit, visit.texts.events, events, [
    [visit.texts.when, ({ event }) => timeOf(event.at)],
    [visit.texts.what, (view) => whatOf(visit, view)],
    [visit.texts.task, (view) => aboutOf(visit, view)],
    [visit.texts.details, (view) => detailsOf(visit, view)],
  ]);

/** One task's events as its story, newest first. */
export const storyOf = (visit: Visit, events: readonly EventView[] | undefined, withTitles = false): Html =>
  !events
    ? noHistory(visit)
    : events.length === 0
      ? html`<p>${visit.texts.none}</p>`
      : html`<ol class="story">${events.map(
          (view) =>
            html`<li class="${toneOf(view)}">${timeOf(view.event.at)} <strong>${whatOf(visit, view)}</strong>${withTitles ? html` ${aboutOf(visit, view)}` : ''}<br>${detailsOf(visit, view)}</li>`,
        )}</ol>`;

function aboutOf(visit: Visit, { event, title }: EventView): unknown {
  if ('taskId' in event) return taskLink(visit, { ...event, title: title ?? event.taskId });
  if ('hold' in event) return targetOf(visit, event.hold, title);
  if (title !== null) return title;
  if (event.type === 'config-changed')
    return html`<a href="${visit.base}/configuration">${visit.texts.configuration}</a>`;
  return groupConcerned(event) ?? event.account;
}

function toneOf({ event }: EventView): Tone {
  const byPerson =
    (event.type === 'restart-intended' && event.by !== undefined) ||
    (event.type === 'task-released' && event.cause === 'operator');
  return byPerson ? 'person' : toneOfType(event.type);
}

const signs: Readonly<Record<Tone, string>> = { bad: '✗ ', good: '✓ ', person: '☞ ', plain: '' };

function whatOf({ texts }: Visit, view: EventView): Html {
  const tone = toneOf(view);
  return html`<span class="${tone}">${signs[tone]}${texts.types[view.event.type] ?? view.event.type}</span>`;
}

/** The sentence, and what the vendor's support asks for. */
function detailsOf({ texts }: Visit, view: EventView): Html {
  const { event } = view;
  const id = event.type === 'restart-answered' ? requestIdOf(event.answer) : undefined;
  return html`${withTimes(texts.say([englishOf(view), eventSentence(event)]))}${id === undefined ? '' : html` <small>${id}</small>`}`;
}

/** With the reason of a hold, which the log says only as it is set. */
const englishOf = ({ sentence, event }: EventView): string =>
  'hold' in event && event.type !== 'hold-added' ? `${sentence}: ${event.hold.reason}` : sentence;

type Answer = EventOf<'restart-answered'>['answer'];
const requestIdOf = (answer: Answer): string | undefined =>
  answer.kind === 'accepted' ? answer.requestId : answer.failure.requestId;
