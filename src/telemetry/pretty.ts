/**
 * A JSON log line as a line for people: time, level, event, whom it is about, the sentence, and what else a person
 * needs. Ids of attempts and outages, and what the sentence already says, are left to JSON.
 */

const colours: Readonly<Record<string, string>> = { error: '31', warn: '33', info: '32', debug: '36', trace: '90' };
/** Shown behind the sentence if it does not have them already. */
const besides = ['by', 'hold', 'endsAt', 'error', 'requestId'] as const;

export function prettyLine(json: string, colour: boolean): string {
  const fields = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const paint = (code: string | undefined, text: string) =>
    colour && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text;
  const level = String(fields.level);
  const time = String(fields.time).slice(11, 23);
  const subject = [fields.account, fields.group, fields.title ?? fields.task].filter((part) => part !== undefined);
  const msg = String(fields.msg ?? '');
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
