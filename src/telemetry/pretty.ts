/**
 * A log line for people: time, level, event, whom it is about, the sentence, and what else a person needs. Ids of
 * attempts and outages, and what the sentence already says, are left to JSON.
 */
import type { LogLevel } from './catalogue.ts';
import type { Fields } from './sentences.ts';

const colours: Readonly<Record<LogLevel, string>> = { error: '31', warn: '33', info: '32', debug: '36', trace: '90' };
/** Shown behind the sentence if it does not have them already. */
const besides = ['by', 'hold', 'endsAt', 'error', 'requestId'] as const;

export function prettyLine(level: LogLevel, fields: Fields, msg: string, colour: boolean): string {
  const paint = (code: string, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const time = String(fields.time).slice(11, 23);
  const subject = [fields.account, fields.group, fields.title ?? fields.task].filter((part) => part !== undefined);
  const rest = besides.filter((name) => fields[name] !== undefined && !msg.includes(String(fields[name])));
  const words = [
    paint('90', time),
    paint(colours[level], level.toUpperCase().padEnd(5)),
    String(fields.event).padEnd(18),
    ...(subject.length > 0 ? [`[${subject.join(' / ')}]`] : []),
    msg,
    ...(rest.length > 0 ? [paint('90', rest.map((name) => `${name}=${String(fields[name])}`).join(' '))] : []),
  ];
  return `${words.join(' ')}\n`;
}
