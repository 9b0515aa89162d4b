/** A JSON log line as a line for people: time, level, event, whom it is about, the sentence, the rest of the fields. */

const colours: Readonly<Record<string, string>> = { error: '31', warn: '33', info: '32', debug: '36', trace: '90' };
/** Said elsewhere in the line. */
const placed = new Set(['time', 'level', 'event', 'msg', 'account', 'group', 'task', 'title']);

export function prettyLine(json: string, colour: boolean): string {
  const fields = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const paint = (code: string | undefined, text: string) =>
    colour && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text;
  const level = String(fields.level);
  const time = String(fields.time).slice(11, 23);
  const subject = [fields.account, fields.group, fields.title ?? fields.task].filter((part) => part !== undefined);
  const rest = Object.entries(fields).filter(([name]) => !placed.has(name));
  const words = [
    paint('90', time),
    paint(colours[level], level.toUpperCase().padEnd(5)),
    String(fields.event).padEnd(18),
    ...(subject.length > 0 ? [`[${subject.join(' / ')}]`] : []),
    String(fields.msg ?? ''),
    ...(rest.length > 0 ? [paint('90', rest.map(([name, value]) => `${name}=${String(value)}`).join(' '))] : []),
  ];
  return `${words.join(' ')}\n`;
}
