/** What an alert rule is, before it becomes Prometheus' YAML, the operator's, Grafana's, or a section of the runbook. */
import type { Comment } from './chinese-comments.ts';
import type { Duration } from './promql.ts';

/** page: somebody gets up, tonight. warning: somebody looks during the day. info: it is shown, nobody is notified. */
type Severity = 'page' | 'warning' | 'info';

/** What the runbook says, besides the commands. */
interface Runbook {
  /** What is wrong, … */
  readonly means: string;
  /** … what to look at, in this order, … */
  readonly look: readonly string[];
  /** … and when the alert ends. */
  readonly end: string;
}

export interface AlertRule extends Runbook {
  /** In CamelCase, with the project's name in front: it stands among the alerts of everything else. */
  readonly name: `Relaykeeper${string}`;
  readonly severity: Severity;
  /** PromQL that gives a sample for each thing that is wrong, and none when all is well. */
  readonly expr: string;
  /** How long it must be true without a break before it fires; absent: at once. */
  readonly for?: string;
  /** One line, with `{{ .Labels.x }}`: dots are understood by Prometheus and by Grafana, `$` is eaten by Grafana's files. */
  readonly summary: string;
  /** What it means and what is at stake; `{value}` stands for the value of `expr`. */
  readonly description: string;
  /** The value is a number of seconds; absent: a number of anything else. */
  readonly valueAs?: 'duration';
  /** PromQL to look at first: what is behind the alert, of the labels it has. */
  readonly explain: string;
  /** Where the page shows it, below its address; absent: its first page. */
  readonly page?: `/${string}`;
  /** Commands to copy, and what they are for. */
  readonly run: readonly (string | readonly [command: string, comment: Comment])[];
  /** The same for the Chinese page; as many things to look at. */
  readonly chinese: Runbook;
  /** When Grafana cannot ask Prometheus: `Alerting` for the one rule that reports blindness, else the last state stays. */
  readonly onQueryError?: 'Alerting';
}

/** Without a severity: that of its group. */
export type GroupedRule = Omit<AlertRule, 'severity'> & { readonly severity?: 'info' };

export interface RuleGroup {
  readonly name: string;
  readonly interval: Duration;
  readonly rules: readonly AlertRule[];
}
