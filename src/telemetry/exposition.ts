/**
 * The text that Prometheus reads (exposition format 0.0.4), line by line.
 *
 * prom-client could print it, but not in time: 12,000 series (200 groups with every label) took it 20 to 60 ms on
 * two busy cores, these functions 4 to 10, and a scrape may take 30 with the gauges of the tasks on top. They are
 * synchronous too, so that a scrape is one moment. test/telemetry compares their lines with prom-client's.
 */
import { type MetricName, maxLabelBytes, prefix, specOf } from './catalogue.ts';

/** `text` cut at 128 bytes of UTF-8, never within a character. */
export function cutLabel(text: string): string {
  // No UTF-16 unit takes more than three bytes: short texts need no counting.
  if (text.length * 3 <= maxLabelBytes) return text;
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maxLabelBytes) return text;
  let end = maxLabelBytes;
  // 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '"': '\\"' };
const escapeLabel = (text: string) =>
  /[\\\n"]/.test(text) ? text.replace(/[\\\n"]/g, (character) => escapes[character] ?? character) : text;

/** `account="main",group="vip"`, without braces: a histogram appends `le`. */
export function labelText(names: readonly string[], values: readonly string[]): string {
  let text = '';
  for (let i = 0; i < names.length; i++) {
    if (i > 0) text += ',';
    text += `${names[i]}="${escapeLabel(cutLabel(values[i] ?? ''))}"`;
  }
  return text;
}

/**
 * The same text as one flat string. V8 keeps a concatenated string as a tree of its parts; for 200 groups that tree took
 * four times the memory of the text.
 */
export const flat = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');

/** A piece of the answer, as it is sent. */
export const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'utf8');

/**
 * The whole answer as bytes, which lie outside V8's heap. As a string, a scrape of 200 groups would put 1.5 MB on the heap,
 * and ten scrapes would start a garbage collection that walks through all records of 100,000 tasks.
 */
export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

export function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

/** The two lines above a metric's samples. */
export function headText(name: MetricName): string {
  const { help, type } = specOf(name);
  return `# HELP ${prefix}${name} ${help}\n# TYPE ${prefix}${name} ${type}\n`;
}

/** A sample up to its value; `labels` as `labelText` gives them, empty for none. */
export const sampleStart = (name: string, labels: string): string =>
  labels === '' ? `${prefix}${name} ` : `${prefix}${name}{${labels}} `;

export const sampleText = (name: string, labels: string, value: number): string =>
  `${sampleStart(name, labels)}${numberText(value)}\n`;
