/** The written files: as their sources would write them today, and without a name that the catalogue lacks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { classMeanings, errorClasses } from '../../src/domain/words/failure.ts';
import { reasons } from '../../src/domain/words/reason.ts';
import { alertRules } from '../../src/mixin/alerts/all.ts';
import { metric, paceOf } from '../../src/mixin/alerts/promql.ts';
import { marks, rows, variables } from '../../src/mixin/dashboard/panels.ts';
import { withTables } from '../../src/mixin/documents.ts';
import { generatedFiles, onDisk } from '../../src/mixin/generated-files.ts';
import { metricNames } from '../../src/telemetry/catalogue.ts';
import { strangersIn } from './promql-names.ts';

const root = join(import.meta.dirname, '../..');
const files = generatedFiles(root);
const text = (path: string) => readFileSync(join(root, path), 'utf8');
const rules = alertRules();
const pages = rules.filter(({ severity }) => severity === 'page');

describe('no file is stale', () => {
  test.each(files.map(({ path, text }) => [path, text]))('%s', (path, wanted) => {
    expect(onDisk(root, path) === wanted, `${path} is stale: npm run generate`).toBe(true);
  });

  test('a README without its markers is reported, not overwritten', () => {
    const readme = text('README.md');
    const markers = readme.match(/<!-- .* -->/g) ?? [];
    expect(markers).toHaveLength(8);
    for (const marker of markers) expect(() => withTables(readme.replace(marker, ''))).toThrow(/has no/);
  });

  test.each([...reasons, ...errorClasses, ...metricNames])('the README has a row for %s', (name) => {
    const row = new RegExp(`^\\| \`${name}\` \\|(?: [^|]+ \\|| {2}\\|){3,4}$`, 'm');
    expect(text('README.md')).toMatch(row);
  });
});

test('a class that gives the attempt back without opening the circuit is not said to open it', () => {
  const row = { attempt: 'given-back', restartCircuit: 'nothing' };
  const before = { ...classMeanings.unknown };
  Object.assign(classMeanings.unknown, row);
  try {
    const [cells = ''] = /^\| `unknown` .*$/m.exec(withTables(text('README.md'))) ?? [];
    expect(cells).not.toMatch(/circuit/);
    expect(cells).toContain('the attempt does not count');
  } finally {
    Object.assign(classMeanings.unknown, before);
  }
});

describe('the reader of names sees', () => {
  test.each([
    ['a metric that is not there', 'sum(relaykeeper_task)', 'no metric relaykeeper_task'],
    ['a bucket of what is no histogram', 'relaykeeper_tasks_bucket', 'no metric relaykeeper_tasks_bucket'],
    ['a label', 'relaykeeper_tasks{grp="vip"}', 'tasks has no label grp'],
    ['a state', 'relaykeeper_tasks{state="stoped"}', 'tasks has no state="stoped"'],
    [
      'one reason of several',
      'relaykeeper_tasks_waiting{reason=~"storm|strom"}',
      'tasks_waiting has no reason="strom"',
    ],
    ['a class that must not be', 'relaykeeper_api_circuit_open{class!~"auth|bill"}', 'no class="bill"'],
    ['a label to sum by', 'sum by (grp) (relaykeeper_tasks)', 'no label grp'],
    ['a label to join by', 'relaykeeper_owner * on (lane) relaykeeper_simulated', 'no label lane'],
    ['a query without any metric of ours', 'vector(1)', 'no metric at all'],
  ])('%s', (_, promql, complaint) => {
    expect(strangersIn(promql).join()).toContain(complaint);
  });

  test('nothing wrong with what is right', () => {
    const right = `histogram_quantile(0.5, sum by (le, account) (rate(relaykeeper_poll_duration_seconds_bucket{account=~"$account"}[5m]))) > on (account) relaykeeper_tasks{account="{{ .Labels.account }}",state=~"active|stopped"}`;
    expect(strangersIn(right)).toEqual([]);
  });
});

describe('every name is in the catalogue', () => {
  test.each(rules.map((rule) => [rule.name, rule] as const))('%s', (_, { expr, explain }) => {
    expect([...strangersIn(expr), ...strangersIn(explain)]).toEqual([]);
  });

  test('panels, marks and variables of the dashboard, as they stand in its file', () => {
    const json = text('config/grafana/dashboards/relaykeeper.json');
    const written = [...json.matchAll(/"(?:expr|definition)": ("(?:[^"\\]|\\.)*")/g)].map(
      ([, one]) => JSON.parse(one ?? '""') as string,
    );
    const planned = rows.flatMap(({ panels }) => panels.flatMap(({ queries }) => Object.keys(queries))).length;
    expect(written).toHaveLength(planned + marks.length + variables.length);
    expect(written.flatMap(strangersIn)).toEqual([]);
  });

  test('the series of the unit tests', () => {
    const { tests } = parse(text('config/prometheus/rules.test.yaml')) as {
      tests: { input_series: { series: string }[] }[];
    };
    expect(tests.flatMap(({ input_series }) => input_series).flatMap(({ series }) => strangersIn(series))).toEqual([]);
  });

  test('alerts that Alertmanager gets by name', () => {
    const named = text('config/alertmanager.example.yaml').match(/Relaykeeper\w+/g) ?? [];
    expect(named.filter((name) => !rules.some((rule) => rule.name === name))).toEqual([]);
  });
});

describe('each alert', () => {
  test('has a name of its own, texts, and a section of the runbook with a command', () => {
    const sections = text('config/prometheus/runbooks.md').split('\n## ').slice(1);
    expect(sections.map((section) => section.split('\n')[0])).toEqual(rules.map(({ name }) => name));
    expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length);
    for (const section of sections) {
      expect(section).toMatch(/Look at:\n- \S/);
      expect(section).toMatch(/Run:\n```sh\n\S/);
      expect(section).toMatch(/It ends: \S/);
    }
  });

  test('is fired and is silent in the unit tests', () => {
    const { tests } = parse(text('config/prometheus/rules.test.yaml')) as {
      tests: { promql_expr_test?: { expr: string; exp_samples: unknown[] }[] }[];
    };
    const checks = tests.flatMap(({ promql_expr_test = [] }) => promql_expr_test);
    for (const { name } of rules) {
      const mine = checks.filter(({ expr }) => expr.includes(`"${name}"`));
      expect(
        mine.some(({ exp_samples }) => exp_samples.length > 0),
        `${name} fires`,
      ).toBe(true);
      expect(
        mine.some(({ exp_samples }) => exp_samples.length === 0),
        `${name} is silent`,
      ).toBe(true);
    }
  });

  test('speaks only of labels that it has', () => {
    for (const { name, expr, summary, description, explain } of rules) {
      const by = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ');
      const used = [...`${summary} ${description} ${explain}`.matchAll(/\.Labels\.(\w+)/g)].map(([, label]) => label);
      // Without an aggregation it has all labels of its metric; of what is absent it has none.
      const has = expr.startsWith('absent') ? [] : (by ?? ['account', 'group', 'task']);
      expect(
        used.filter((label) => !has.includes(label ?? '')),
        name,
      ).toEqual([]);
    }
  });

  test('says the same in Chinese, thing by thing', () => {
    for (const { name, look, chinese } of rules) expect(chinese.look, name).toHaveLength(look.length);
  });

  test('that pages does not ask for a reason: reasons change from minute to minute', () => {
    expect(pages.length).toBeGreaterThan(5);
    for (const { expr, name } of pages) expect(expr, name).not.toMatch(/reason|tasks_waiting|restarts_withheld|storm/);
  });
});

test('a template asks Prometheus only for what the catalogue has', () => {
  const { groups } = parse(text('config/prometheus/rules.yaml')) as {
    groups: { rules: { alert: string; annotations: Record<string, string> }[] }[];
  };
  const asked = groups
    .flatMap((group) => group.rules)
    .flatMap(({ annotations }) => Object.values(annotations))
    .flatMap((annotation) => [...annotation.matchAll(/"((?:[^"\\]|\\.)*relaykeeper_(?:[^"\\]|\\.)*)"/g)])
    .map(([, promql = '']) => promql.replaceAll('%q', '"$x"').replaceAll('{%s}', ''));
  expect(asked.length).toBeGreaterThan(alertRules().length * 2);
  expect(asked.flatMap(strangersIn)).toEqual([]);
});

describe('all three rule files say the same', () => {
  const prometheus = parse(text('config/prometheus/rules.yaml'));
  const operator = parse(text('config/prometheus/prometheusrule.yaml'));
  const grafana = parse(text('config/grafana/provisioning/alerting/relaykeeper.yaml'));

  test('the operator has the groups of Prometheus', () => {
    expect(operator).toMatchObject({ apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule' });
    expect(operator.spec.groups).toEqual(prometheus.groups);
  });

  test('Grafana asks the same, takes silence for well, and a value of 0 for firing', () => {
    interface Rule {
      uid: string;
      title: string;
      condition: string;
      for: string;
      noDataState: string;
      execErrState: string;
      data: { refId: string; model: { expr?: string; expression?: string } }[];
      annotations: Record<string, string>;
    }
    const written = grafana.groups.flatMap(({ rules }: { rules: Rule[] }) => rules) as Rule[];
    expect(written.map(({ title, data }) => [title, data[0]?.model.expr])).toEqual(
      rules.map(({ name, expr }) => [name, expr]),
    );
    expect(new Set(written.map(({ uid }) => uid)).size).toBe(rules.length);
    for (const rule of written) {
      expect(rule.noDataState).toBe('OK');
      expect(rule.execErrState).toBe(rule.title === 'RelaykeeperAbsent' ? 'Alerting' : 'KeepLast');
      expect(rule.uid).toMatch(/^[a-z-]{1,40}$/);
      expect(rule.data.map(({ refId }) => refId)).toEqual(['query', 'present', 'firing']);
      expect(rule.condition).toBe('firing');
      // Grafana's files take $x for a variable of the environment.
      expect(JSON.stringify(rule.annotations)).not.toContain('$');
    }
  });
});

describe('the dashboard', () => {
  interface Panel {
    id: number;
    type: string;
    title: string;
    gridPos: { x: number; y: number; w: number; h: number };
    repeat?: string;
    panels?: Panel[];
    datasource?: { uid: string };
  }
  const dashboard = JSON.parse(text('config/grafana/dashboards/relaykeeper.json')) as {
    uid: string;
    panels: Panel[];
    templating: { list: { name: string }[] };
    annotations: { list: { name: string }[] };
  };
  const all = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);

  test('has its variables, its marks, and a row for each group', () => {
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'account', 'group']);
    expect(dashboard.annotations.list.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['Reloads', 'Ownership']),
    );
    expect(all.filter(({ repeat }) => repeat === 'group')).toHaveLength(1);
  });

  test('has panels that know their data source, fit beside each other, and have an id each', () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const { type, title, datasource } of all)
      if (type !== 'row') expect(datasource?.uid, title).toBe('$datasource');
    const taken = new Set<string>();
    for (const { title, gridPos } of all)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(x, title).toBeLessThan(24);
          expect(taken.has(`${x},${y}`), `${title} lies over another`).toBe(false);
          taken.add(`${x},${y}`);
        }
  });
});

describe('the pace of the rules', () => {
  test('at 1 durations stay as they are written, at 20 they are a twentieth', () => {
    expect(paceOf(1).span('10m')).toBe('10m');
    expect(paceOf(20).span('1m')).toBe('3000ms');
    expect(paceOf(1).seconds('10m')).toBe(600);
    expect(paceOf(20).seconds('1d')).toBe(4_320);
  });

  test('nothing else differs', () => {
    const blank = (promql: string) => promql.replaceAll(/\d+(?:\.\d+)?(?:ms|[smhd])?/g, '#');
    expect(alertRules(paceOf(20)).map(({ expr }) => blank(expr))).toEqual(rules.map(({ expr }) => blank(expr)));
  });

  test('a matcher of nothing is our mistake', () => {
    expect(() => metric('tasks', { state: undefined })).toThrow(TypeError);
  });
});
