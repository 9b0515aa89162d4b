/**
 * What is counted between scrapes: the counters and histograms of the catalogue, and their values.
 *
 * A series is there from the moment it is zeroed or first counted until its account or group leaves the
 * configuration. Its label text is made once, and a metric's bytes again only after one of its series has changed: most
 * have not between two scrapes.
 */
import { type CounterName, type HistogramName, type LabelValues, type MetricName, specOf } from './catalogue.ts';
import { bytesOf, flat, headText, labelText, numberText, sampleStart } from './exposition.ts';

interface CounterSeries {
  readonly values: readonly string[];
  /** Name and labels, ready to be followed by the value. */
  readonly start: string;
  value: number;
}

interface HistogramSeries {
  readonly values: readonly string[];
  readonly labels: string;
  /** Observations by bucket, not yet summed up; the last is above every bound. */
  readonly counts: number[];
  sum: number;
}

/** No label value can contain it: the exposition has no way to write it in a name of ours. */
const separator = '\u0000';

/** Which series stay when the configuration changes, by label. */
export type Keep = (label: (name: string) => string | undefined) => boolean;

export type Counter<Name extends CounterName> = ReturnType<typeof createCounter<Name>>;
export type Histogram<Name extends HistogramName> = ReturnType<typeof createHistogram<Name>>;

export function createCounter<Name extends CounterName>(name: Name) {
  const { labels } = specOf(name);
  const { all, changed, retain, bytes } = seriesOf<CounterSeries>(
    name,
    ({ start, value }) => `${start}${numberText(value)}\n`,
  );
  /** `by`: 0 or more. */
  const add = (values: LabelValues<Name>, by = 1): void => {
    if (!(by >= 0)) throw new RangeError(`${name} cannot change by ${by}: a counter only grows`);
    const key = keyOf(values);
    const known = all.get(key);
    if (known && by === 0) return;
    changed();
    if (known) known.value += by;
    else all.set(key, { values: [...values], start: flat(sampleStart(name, labelText(labels, values))), value: by });
  };
  return { zero: (values: LabelValues<Name>): void => add(values, 0), add, retain, bytes };
}

export function createHistogram<Name extends HistogramName>(name: Name) {
  const { labels, buckets = [] } = specOf(name);
  const { all, changed, retain, bytes } = seriesOf<HistogramSeries>(name, histogramTextOf(name, buckets));
  const known = (values: readonly string[]) => {
    const key = keyOf(values);
    const found = all.get(key);
    if (found) return found;
    const counts = new Array<number>(buckets.length + 1).fill(0);
    const series = { values: [...values], labels: flat(labelText(labels, values)), counts, sum: 0 };
    all.set(key, series);
    changed();
    return series;
  };
  return {
    zero: (values: LabelValues<Name>): void => void known(values),
    /** `value` in the unit of the metric's name. */
    observe(values: LabelValues<Name>, value: number): void {
      if (!Number.isFinite(value)) throw new RangeError(`${name} cannot observe ${value}`);
      const series = known(values);
      const at = buckets.findIndex((bound) => value <= bound);
      const bucket = at < 0 ? buckets.length : at;
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
      series.sum += value;
      changed();
    },
    retain,
    bytes,
  };
}

/** The series of one metric by their label values. Their bytes are kept as they were made last, until something has changed. */
function seriesOf<Series extends { readonly values: readonly string[] }>(
  name: MetricName,
  textOf: (series: Series) => string,
) {
  const { labels } = specOf(name);
  const all = new Map<string, Series>();
  let last: Uint8Array | undefined;
  const changed = () => {
    last = undefined;
  };
  return {
    all,
    changed,
    retain(keep: Keep): void {
      changed();
      for (const [key, { values }] of all) if (!keep((label) => values[labels.indexOf(label)])) all.delete(key);
    },
    bytes(): Uint8Array {
      if (last === undefined) {
        let text = headText(name);
        for (const series of all.values()) text += textOf(series);
        last = bytesOf(text);
      }
      return last;
    },
  };
}

/** Buckets are cumulative in the text, and in memory they are not. */
function histogramTextOf(name: string, bounds: readonly number[]): (series: HistogramSeries) => string {
  const les = [...bounds.map(numberText), '+Inf'];
  return ({ labels, counts, sum }) => {
    const before = labels === '' ? '' : `${labels},`;
    let text = '';
    let count = 0;
    for (const [index, le] of les.entries()) {
      count += counts[index] ?? 0;
      text += `${sampleStart(`${name}_bucket`, `${before}le="${le}"`)}${count}\n`;
    }
    const summed = `${sampleStart(`${name}_sum`, labels)}${numberText(sum)}\n`;
    return `${text}${summed}${sampleStart(`${name}_count`, labels)}${count}\n`;
  };
}

const keyOf = (values: readonly string[]) => values.join(separator);
