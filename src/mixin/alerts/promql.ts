/**
 * PromQL over the catalogue: a metric, label or label value that the catalogue lacks does not compile.
 *
 * Only selectors are typed; what is around them is text. test/mixin/generated.test.ts reads the finished text
 * again and asks the catalogue about every name in it.
 */
import { durationMs } from '../../domain/words/duration.ts';
import { type Catalogue, type MetricName, prefix } from '../../telemetry/catalogue.ts';

type LabelOf<Name extends MetricName> = Catalogue[Name]['labels'][number];

/** The values that a label can have: a closed set where the catalogue has one, else any text. */
type ValueOf<Name extends MetricName, Label extends string> = Catalogue[Name] extends {
  readonly values: { readonly [K in Label]: readonly (infer Value extends string)[] };
}
  ? Value
  : string;

/** `['a', 'b']`: one of them. `{not: […]}`: none of them. */
type Wanted<Value extends string> = Value | readonly Value[] | { readonly not: readonly Value[] };
type Matchers<Name extends MetricName> = { readonly [Label in LabelOf<Name>]?: Wanted<ValueOf<Name, Label>> };

/** A selector: `relaykeeper_tasks{state="overdue"}`. */
export function metric<Name extends MetricName>(name: Name, matchers: Matchers<Name> = {}): string {
  return select(prefix + name, matchers);
}

/** Of a histogram: its `_bucket`, `_sum` or `_count`. */
export function part<Name extends MetricName>(
  name: Name,
  of: Catalogue[Name]['type'] extends 'histogram' ? 'bucket' | 'sum' | 'count' : never,
  matchers: Matchers<Name> = {},
): string {
  return select(`${prefix}${name}_${of}`, matchers);
}

function select(name: string, matchers: object): string {
  const texts = Object.entries(matchers).map(([label, wanted]) => label + matcher(wanted));
  return texts.length === 0 ? name : `${name}{${texts.join(',')}}`;
}

function matcher(wanted: Wanted<string>): string {
  // A variable of a dashboard, or a template of an alert's text.
  if (typeof wanted === 'string') return wanted.startsWith('$') ? `=~"${wanted}"` : `="${wanted}"`;
  if ('not' in wanted) return `!~"${wanted.not.join('|')}"`;
  return wanted.length === 1 ? `="${wanted[0]}"` : `=~"${wanted.join('|')}"`;
}

/**
 * How fast time goes for the rules: 1 in production. The tests against a real Prometheus render the same rules with a
 * larger number, so that an hour of theirs fits into minutes: every window, `for` and age is divided by it.
 */
export interface Pace {
  /** A duration for PromQL or `for`: `10m`, or `20s` at a pace of 30. */
  readonly span: (written: Duration) => string;
  /** The same as a number of seconds, to compare an age with. */
  readonly seconds: (written: Duration) => number;
}

export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`;

const secondsOf = (written: Duration): number => {
  const ms = durationMs(written);
  if (ms === undefined) throw new TypeError(`no duration: ${written}`);
  return ms / 1_000;
};

/** Durations stay as they are written at a pace of 1. */
export function paceOf(times: number): Pace {
  return {
    span: (written) => (times === 1 ? written : `${Math.max(1, Math.round((secondsOf(written) / times) * 1000))}ms`),
    seconds: (written) => secondsOf(written) / times,
  };
}
