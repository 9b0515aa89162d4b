/** What a panel of the dashboard is, before Grafana's way to write it, and the queries that many panels share. */

export interface PanelPlan {
  readonly title: string;
  /** The question that it answers, shown when somebody points at it. */
  readonly asks: string;
  readonly kind: 'stat' | 'lines' | 'stack' | 'bars' | 'table' | 'timeline';
  readonly unit: 'short' | 's' | 'percentunit' | 'reqps' | 'none';
  /** Of 24 columns. */
  readonly width: number;
  /** PromQL by the legend of what it draws. */
  readonly queries: Readonly<Record<string, string>>;
  /** Green below, and from these values on yellow and red; `down`: the other way round. */
  readonly limits?: { readonly yellow: number; readonly red: number; readonly down?: true };
}

export interface RowPlan {
  readonly title: string;
  /** Once for each value of the variable `group`. */
  readonly each?: 'group';
  readonly panels: readonly PanelPlan[];
}

export const draw = (kind: PanelPlan['kind'], unit: PanelPlan['unit'], width: number) => ({ kind, unit, width });

/** The dashboard's variables, as they stand in queries. */
export const account = '$account';
export const group = '$group';
export const both = { account, group } as const;
/** Grafana's: wide enough for a rate at the step that is drawn. */
export const window = '$__rate_interval';

/** How often a minute, by these labels; of everything together if there are none. */
export const perMinute = (by: string, counter: string): string =>
  `60 * sum${by === '' ? '' : ` by (${by}) `}(rate(${counter}[${window}]))`;

/** What so many percent of the observations were below, at the step that is drawn; by this label. */
export const percentiles = (by: string, buckets: string, shares: readonly number[] = [95]): PanelPlan['queries'] =>
  Object.fromEntries(
    shares.map((share) => [
      `p${share} {{${by}}}`,
      `histogram_quantile(${share / 100}, sum by (le, ${by}) (rate(${buckets}[${window}])))`,
    ]),
  );
