/** What a panel of the dashboard is, before Grafana's way to write it. */

export interface Query {
  readonly expr: string;
  readonly legend: string;
}

export interface PanelPlan {
  readonly title: string;
  /** The question that it answers, for whoever points at it. */
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

/** The dashboard's variables, as they stand in queries. */
export const account = '$account';
export const group = '$group';
export const both = { account, group } as const;
/** Grafana's: wide enough for a rate at the step that is drawn. */
export const window = '$__rate_interval';
