/**
 * What an alert says besides its own sentences, as templates that Prometheus fills in when it fires: which tasks are
 * down longest, what the tasks that are down share, and where to look. Grafana's templates cannot ask for it.
 */
import { traitWords } from '../../domain/views/in-common.ts';
import { traits } from '../../domain/views/shown.ts';
import type { AlertRule } from './alert.ts';
import { metric, type Pace } from './promql.ts';

/** Of so many tasks the title stands in an alert. */
const mostNamed = 3;

/** Which labels an alert has, by what its own sentences speak of. */
const has = ({ summary }: AlertRule, label: 'account' | 'group' | 'instance'): boolean =>
  summary.includes(`.Labels.${label}`);

/** Of a storm over all groups the label is empty. */
const matchers = `{{ $of := printf "account=%q" $labels.account }}{{ if $labels.group }}{{ $of = printf "%s,group=%q" $of $labels.group }}{{ end }}`;

/** PromQL as a text in a template; `%s` in it stands for the matchers of the alert. */
const ask = (promql: string): string => {
  const places = promql.split('%s').length - 1;
  return `query (printf ${JSON.stringify(promql)}${' $of'.repeat(places)})`;
};

const downLongest = `topk(${mostNamed}, (time() - max by (account, group, task) (${metric('task_outage_start_timestamp_seconds')}{%s})) * on (account, group, task) group_left (title) max by (account, group, task, title) (${metric('task_info')}{%s}))`;

/** One a line, the longest first: what it is called, how long it is down, and what to type. */
const tasks = `${matchers}{{ range ${ask(downLongest)} }}{{ .Labels.title }}, down for {{ humanizeDuration .Value }}: relaykeeper explain {{ .Labels.task }} --account {{ .Labels.account }}\n{{ end }}`;

const chosen = traits
  .map(
    (trait, n) =>
      `{{ ${n === 0 ? 'if' : 'else if'} eq .Labels.trait "${trait}" }}{{ $have = "${traitWords[trait].have}" }}{{ $do = "${traitWords[trait].others}" }}`,
  )
  .join('');

/** One number that Prometheus is asked for, with what stands around it; nothing without an answer. */
const numberOf = (promql: string, given: string, around: (number: string) => string): string =>
  `{{ with printf ${JSON.stringify(promql)} ${given} | query }}${around('{{ . | first | value | printf "%.0f" }}')}{{ end }}`;

const ofDown = numberOf(`sum(${metric('tasks_down')}{account=%q})`, '$labels.account', (n) => ` of ${n}`);
const ofActive = numberOf(`max(${metric('tasks_due_active')}{account=%q})`, '$labels.account', (n) => n);
const active = numberOf(
  `max(${metric('tasks_in_common_active')}{account=%q,trait=%q,value=%q})`,
  '$labels.account .Labels.trait .Labels.value',
  (n) => `; of the ${ofActive} that run {{ if eq (. | first | value) 0.0 }}none{{ else }}${n}{{ end }} {{ $do }}`,
);

/** "38 of 41 down pull from live.example.com; of the 160 that run 2 do", one a line. */
const shared = `{{ range query (printf "topk(${mostNamed}, max by (trait, value) (${metric('tasks_in_common')}{account=%q}))" $labels.account) }}{{ $have := "" }}{{ $do := "" }}${chosen}{{ end }}{{ printf "%.0f" .Value }}${ofDown} down {{ $have }} {{ .Labels.value }}${active}\n{{ end }}`;

/** The newest address of whoever reports this, also when it has fallen silent. */
function pageUrl(rule: AlertRule, { span }: Pace): string {
  const lately = `last_over_time(${metric('page_info')}[${span('1d')}])`;
  const known = `(${metric('page_info')} or on (job, instance) ${lately})`;
  if (has(rule, 'account'))
    return `printf ${JSON.stringify(`topk(1, ${known} * on (job, instance) group_left () max by (job, instance) (last_over_time(${metric('owner')}{account=%q}[${span('1d')}])))`)} $labels.account | query`;
  if (has(rule, 'instance'))
    return `printf ${JSON.stringify(`topk(1, ${known} and on (instance) last_over_time(${metric('page_info')}{instance=%q}[${span('1d')}]))`)} $labels.instance | query`;
  return `query ${JSON.stringify(`topk(1, ${known})`)}`;
}

/** Where a section of the runbook is, below the page's address and in this repository. */
export const anchorOf = ({ name }: AlertRule): string => name.toLowerCase();

export function askedAnnotations(rule: AlertRule, pace: Pace): Readonly<Record<string, string>> {
  const url = pageUrl(rule, pace);
  const at = '{{ . | first | label "url" }}';
  return {
    ...(has(rule, 'account') ? { tasks, shared } : {}),
    page: `{{ with ${url} }}${at}${rule.page ?? '/'}{{ end }}`,
    runbook_url: `{{ with ${url} }}${at}/runbooks#${anchorOf(rule)}{{ end }}`,
  };
}
