/**
 * The log: one line per event, with a stable name and level, as JSON for machines or as short lines for people.
 *
 * Events come in through `record`; what is no event of the domain (start, stop, reload, the store) through `notice`,
 * by names that are listed here too. Nothing else writes to standard output.
 */

import pino from 'pino';
import { type Event, groupConcerned } from '../domain/words/events.ts';
import { shownTitle } from '../domain/words/task.ts';
import type { LogLevel } from './catalogue.ts';
import { prettyLine } from './pretty.ts';
import { identifier, scrub } from './scrub.ts';
import { type Fields, type FieldValue, levelOf, lineOf } from './sentences.ts';

/** What is logged besides events. A new notice is a row here. */
const noticeLevels = {
  started: 'info',
  listening: 'info',
  stopping: 'info',
  stopped: 'info',
  'config-loaded': 'info',
  'config-warning': 'warn',
  'config-rejected': 'error',
  'config-needs-restart': 'warn',
  'simulated-account': 'warn',
  'standing-by': 'info',
  'doors-taken': 'info',
  'doors-blocked': 'error',
  'store-failing': 'error',
  'store-recovered': 'info',
  'store-pruned': 'debug',
  'credentials-read': 'info',
  'page-halved': 'info',
  'malformed-item': 'warn',
  'unread-field': 'warn',
  'tick-failed': 'error',
  'request-failed': 'error',
  'request-denied': 'info',
  'tls-loaded': 'info',
  'tls-rejected': 'error',
} as const satisfies Readonly<Record<string, LogLevel>>;
type Notice = keyof typeof noticeLevels;

interface Chosen {
  readonly level: LogLevel;
  readonly format: 'json' | 'pretty';
}

export interface LogOptions extends Chosen {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Where lines go: each ends in a line feed. */
  readonly destination: { write(text: string): void };
  /** Colours in `pretty`: on a terminal without NO_COLOR. */
  readonly colour?: boolean;
  readonly onLine?: (level: LogLevel) => void;
  /** The title of a known task: lines of its events have it. */
  readonly titleOf?: (account: string, taskId: string) => string | undefined;
  /** Values that must not appear, as they are configured now. */
  readonly secrets?: () => readonly string[];
}

export type Log = ReturnType<typeof createLog>;

export function createLog(options: LogOptions) {
  let format = options.format;
  const { destination } = options;
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: false,
      messageKey: 'msg',
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );

  function write(level: LogLevel, event: string, fields: Fields, msg: string): void {
    const secrets = options.secrets?.() ?? [];
    const clean: Record<string, FieldValue> = { time: new Date(options.now()).toISOString(), event };
    for (const [name, value] of Object.entries(fields)) clean[name] = cleanField(name, value, secrets);
    const words = scrub(msg, secrets);
    if (format === 'json') logger[level](clean, words);
    else destination.write(prettyLine(level, clean, words, options.colour ?? false));
    options.onLine?.(level);
  }

  return {
    record(event: Event): void {
      const level = levelOf(event);
      if (!logger.isLevelEnabled(level)) return;
      const { fields, msg } = lineOf(event);
      write(level, event.type, { ...subjectFields(event, options.titleOf), ...fields }, msg);
    },
    /** Fields are named by the caller; their text is looked through for addresses and secrets. */
    notice(name: Notice, fields: Fields, msg: string): void {
      const level = noticeLevels[name];
      if (logger.isLevelEnabled(level)) write(level, name, fields, msg);
    },
    configure(changed: Chosen): void {
      logger.level = changed.level;
      format = changed.format;
    },
  };
}

/** Whom the event is about, the same in every line. */
function subjectFields(event: Event, titleOf: LogOptions['titleOf']): Fields {
  const { account } = event;
  const group = groupConcerned(event);
  const about = 'hold' in event ? event.hold.target : event;
  const task = 'taskId' in about ? about.taskId : undefined;
  if ('hold' in event) return { account, group, task, title: 'title' in about ? about.title : undefined };
  const title = 'item' in event ? shownTitle(event.item) : task === undefined ? undefined : titleOf?.(account, task);
  return { account, group, task, title };
}

function cleanField(name: string, value: FieldValue, secrets: readonly string[]): FieldValue {
  if (typeof value !== 'string') return value;
  return name === 'code' || name === 'cause' || name === 'requestId'
    ? identifier(scrub(value, secrets))
    : scrub(value, secrets);
}
