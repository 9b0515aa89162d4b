/**
 * PromQL over the catalogue: a metric, label or label value that the catalogue lacks does not compile.
 *
 * Only selectors are typed; what is around them is text. test/mixin/generated.test.ts reads the finished text
 * again and asks the catalogue about every name in it.
 */
import { type Catalogue, type MetricName, prefix } from '../../telemetry/catalogue.ts';

type LabelOf<Name extends MetricName> = Catalogue[Name]['labels'][number];

/** The values that a label can have: a closed set where the catalogue has one, else any text. */
type ValueOf<Name extends MetricName, Label extends string> = Catalogue[Name] extends {
  readonly values: { readonly [K in Label]: readonly (infer Value)[] };
}
  ? Value
  : string;

/** `['a', 'b']`: one of them. `{not: […]}`: none of them. */
type Matchers<Name extends MetricName> = {
  readonly [Label in LabelOf<Name>]?:
    | ValueOf<Name, Label>
    | readonly ValueOf<Name, Label>[]
    | { readonly not: readonly ValueOf<Name, Label>[] };
};

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

function select(name: string, matchers: Readonly<Record<string, unknown>>): string {
  const texts = Object.entries(matchers).map(([label, wanted]) => matcher(label, wanted));
  return texts.length === 0 ? name : `${name}{${texts.join(',')}}`;
}

function matcher(label: string, wanted: unknown): string {
  if (typeof wanted === 'string') {
    // A variable of a dashboard, or a template of an alert's text.
    return wanted.startsWith('$') ? `${label}=~"${wanted}"` : `${label}="${wanted}"`;
  }
  if (Array.isArray(wanted) && wanted.length === 1) return `${label}="${wanted[0]}"`;
  if (Array.isArray(wanted)) return `${label}=~"${wanted.join('|')}"`;
  if (typeof wanted === 'object' && wanted !== null && 'not' in wanted && Array.isArray(wanted.not)) {
    return `${label}!~"${wanted.not.join('|')}"`;
  }
  throw new TypeError(`no matcher for ${label}`);
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

const unitSeconds = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

const secondsOf = (written: Duration): number => {
  const unit = written.at(-1);
  if (unit !== 's' && unit !== 'm' && unit !== 'h' && unit !== 'd') throw new TypeError(`no duration: ${written}`);
  return Number(written.slice(0, -1)) * unitSeconds[unit];
};

/** Durations stay as they are written at a pace of 1. */
export function paceOf(times: number): Pace {
  return {
    span: (written) => (times === 1 ? written : `${Math.max(1, Math.round((secondsOf(written) / times) * 1000))}ms`),
    seconds: (written) => secondsOf(written) / times,
  };
}
