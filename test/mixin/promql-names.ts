/** Reads finished PromQL and asks the catalogue about every metric, label and label value in it. */
import { type MetricName, metricNames, prefix, specOf } from '../../src/telemetry/catalogue.ts';

/** Labels that Prometheus adds, and those of Prometheus' own metrics that we ask for. */
const foreign = ['job', 'instance', 'severity', 'alertname', 'alertstate'];
const foreignMetrics = ['up', 'ALERTS'];

/** What the catalogue lacks, in words; empty: everything is known. */
export function strangersIn(promql: string): readonly string[] {
  // Templates of alerts and variables of dashboards stand where a value would.
  const text = promql.replaceAll(/\{\{.*?\}\}/g, '$value');
  const named = [...text.matchAll(/\b(relaykeeper_\w+|up|ALERTS)\b(?:\{([^}]*)\})?/g)];
  if (named.length === 0) return [`no metric at all in ${promql}`];
  const labels = new Set(foreign);
  const complaints: string[] = [];
  for (const [, metric = '', matchers = ''] of named) {
    const name = nameOf(metric);
    if (foreignMetrics.includes(metric)) continue;
    if (!name) {
      complaints.push(`no metric ${metric}`);
      continue;
    }
    for (const label of specOf(name).labels) labels.add(label);
    if (metric.endsWith('_bucket')) labels.add('le');
    complaints.push(...wrongMatchers(name, matchers));
  }
  for (const [, , list = ''] of text.matchAll(/\b(by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)/g))
    for (const label of list.split(',').map((one) => one.trim()))
      if (label !== '' && !labels.has(label)) complaints.push(`no label ${label} on what ${promql} asks for`);
  return complaints;
}

/** `relaykeeper_poll_duration_seconds_bucket` → poll_duration_seconds, if it is a histogram. */
function nameOf(metric: string): MetricName | undefined {
  const plain = metric.slice(prefix.length);
  return metricNames.find(
    (name) =>
      name === plain || (specOf(name).type === 'histogram' && plain.replace(/_(bucket|sum|count)$/, '') === name),
  );
}

function wrongMatchers(name: MetricName, matchers: string): readonly string[] {
  const { labels, values = {} } = specOf(name);
  return [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)].flatMap(([, label = '', wanted = '']) => {
    if (foreign.includes(label)) return [];
    if (!labels.includes(label) && label !== 'le') return [`${name} has no label ${label}`];
    const known = values[label];
    if (!known || wanted.startsWith('$')) return [];
    return wanted
      .split('|')
      .filter((value) => !known.includes(value))
      .map((value) => `${name} has no ${label}="${value}"`);
  });
}
