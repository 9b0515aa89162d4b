/** What a panel of the dashboard is, before Grafana's way to write it, and the queries that many panels share. */

export interface Query {
  readonly expr: string;
  readonly legend: string;
}

export interface PanelPlan {
  readonly title: string;
  /** The question that it answers, shown when somebody points at it. */
  readonly asks: string;
  readonly kind: 'stat' | 'lines' | 'stack' | 'bars' | 'table' | 'timeline';
  readonly unit: 'short' | 's' | 'percentunit' | 'reqps' | 'none';
  /** Of 24 columns. */
  readonly width: number;
  readonly queries: readonly Query[];
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

/** This share of the observations was smaller, at the step that is drawn; by these labels. */
export const quantile = (share: number, by: string, buckets: string): string =>
  `histogram_quantile(${share}, sum by (le, ${by}) (rate(${buckets}[${window}])))`;
