/** What happened, newest first, filterable and live. */

import { html } from 'hono/html';
import type { EventView } from '../../domain/views/shown.ts';
import { durationText } from '../../domain/words/duration.ts';
import { checked, eventsQuery, seqOf } from '../inputs.ts';
import { chinese } from './chinese.ts';
import {
  type Html,
  optionsOf,
  type Page,
  queryOf,
  renewed,
  tableOf,
  taskAddress,
  timeOf,
  type Visit,
} from './frame.ts';

const onePage = 100;

export async function eventsPage(visit: Visit): Promise<Page> {
  const { texts, operations, base } = visit;
  const asked = Object.fromEntries(Object.entries(visit.query).filter(([, value]) => value !== ''));
  const query = checked(eventsQuery, { limit: String(onePage), ...asked }, 'the address');
  const { account, group, task, type, before = seqOf(query.cursor), limit } = query;
  const events = await operations.events({ account, group, taskId: task, types: type?.split(','), before, limit });
  const groups = [...new Set(operations.status().groups.map(({ group }) => group))];
  const last = events.at(-1);
  const types = Object.fromEntries(Object.keys(chinese.types).map((name) => [name, texts.types[name] ?? name]));
  return {
    title: texts.events,
    live: true,
    body: html`<h1>${texts.events}</h1>
<form method="get" action="${base}/events" class="filters" aria-label="${texts.show}">
<label>${texts.type}<select name="type">${optionsOf(visit, types, asked.type)}</select></label>
<label>${texts.group}<select name="group">${optionsOf(visit, Object.fromEntries(groups.map((name) => [name, name])), asked.group)}</select></label>
<label>${texts.oneTask}<input name="task" value="${asked.task ?? ''}" maxlength="128"></label>
<button>${texts.show}</button>
</form>
${renewed(
  visit,
  html`${eventTable(visit, events, true)}
<p>${asked.before === undefined ? '' : html`<a href="${base}/events${queryOf({ ...asked, before: undefined })}">${texts.newest}</a> `}${
    last && events.length === limit
      ? html`<a href="${base}/events${queryOf({ ...asked, before: String(last.seq) })}">${texts.older}</a>`
      : ''
  }</p>`,
)}`,
  };
}

export function eventTable(visit: Visit, events: readonly EventView[], withTask: boolean): Html {
  const { texts } = visit;
  const about = ({ event }: EventView) =>
    'taskId' in event
      ? html`<a href="${taskAddress(visit, event)}">${event.taskId}</a>`
      : 'group' in event
        ? event.group
        : event.account;
  return tableOf(visit, texts.events, events, [
    { head: texts.when, cell: ({ event }) => timeOf(event.at) },
    { head: texts.what, cell: ({ event }) => html`${texts.types[event.type] ?? event.type}` },
    ...(withTask ? [{ head: texts.task, cell: about }] : []),
    { head: texts.details, cell: (stored) => detailsOf(visit, stored) },
  ]);
}

/** Said elsewhere in the row, or of no use to a person. */
const notShown: ReadonlySet<string> = new Set([
  'type',
  'at',
  'account',
  'taskId',
  'group',
  'attemptId',
  'outageId',
  'item',
  'towardsCircuit',
  'probe',
  'free',
]);

const detailsOf = (visit: Visit, { event }: EventView): string =>
  Object.entries(event)
    .filter(([name, value]) => !notShown.has(name) && value !== undefined && value !== false && value !== null)
    .map(([name, value]) => wordOf(visit, name, value))
    .join(' · ');

function wordOf(visit: Visit, name: string, value: unknown): string {
  if (name === 'reason' && typeof value === 'string') return visit.texts.reasons[value] ?? value;
  if (name.endsWith('Ms') && typeof value === 'number') return durationText(value);
  if (/(^until|At|^since)$/.test(name)) return typeof value === 'number' ? `${name} ${clockOf(value)}` : `${name} –`;
  if (Array.isArray(value)) return `${name} ${value.join(', ')}`;
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .filter(([, inner]) => inner !== undefined && inner !== null && inner !== false)
      .map(([inner, said]) => wordOf(visit, inner, said))
      .join(', ');
  return value === true ? name : typeof value === 'string' ? value : `${name} ${String(value)}`;
}

const clockOf = (at: number): string =>
  Number.isFinite(at) && Math.abs(at) < 8e15 ? `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC` : '–';
