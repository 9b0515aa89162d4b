/**
 * The dashboard as Grafana reads it, built from panels.ts with Grafana's own SDK.
 *
 * Only `npm run generate` and the tests load this file: the SDK is a development dependency, and is not there in
 * the container.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { PanelBuilder as BarGauge } from '@grafana/grafana-foundation-sdk/bargauge';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimeline } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';
import type { PanelPlan, RowPlan } from './panel.ts';
import { marks, rows, variables } from './panels.ts';

const root = join(import.meta.dirname, '../../..');
const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');

const source = { type: 'prometheus', uid: '$datasource' };
const heights = { stat: 4, bars: 8, table: 8, timeline: 7, lines: 7, stack: 7 } as const;

/**
 * The file for Grafana, as text. The same for the same panels: ids are counted, times are not in it. Throws if the
 * formatter of this repository cannot be run.
 */
export function dashboardJson(): string {
  const dashboard = new DashboardBuilder('relaykeeper')
    .uid('relaykeeper')
    .description('Is everything up, is it healing, why not, what does the API say? Built by `npm run generate`.')
    .tags(['relaykeeper'])
    .timezone('browser')
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'));
  for (const { name, label, query } of variables) dashboard.withVariable(queryVariable(name, label, query));
  for (const mark of marks) dashboard.annotation(annotation(mark));
  let lastId = 0;
  const nextId = () => ++lastId;
  for (const row of rows) addRow(dashboard, row, nextId);
  return asFormatted(JSON.stringify(dashboard.build()));
}

/** As `npm run check` wants JSON files. */
const asFormatted = (json: string): string =>
  execFileSync(process.execPath, [biome, 'format', '--stdin-file-path=dashboard.json'], {
    input: json,
    encoding: 'utf8',
    cwd: root,
  });

/** A row that repeats is folded: with 200 groups nobody could wait for all of them. */
function addRow(dashboard: DashboardBuilder, { title, each, panels }: RowPlan, nextId: () => number): void {
  const row = new RowBuilder(title).id(nextId());
  if (each === undefined) dashboard.withRow(row);
  const holder = each === undefined ? dashboard : row.repeat(each);
  for (const plan of panels) holder.withPanel(panelOf(plan, nextId()));
  if (each !== undefined) dashboard.withRow(row);
}

const queryVariable = (name: string, label: string, query: string) =>
  new QueryVariableBuilder(name)
    .label(label)
    .datasource(source)
    .query({ query, refId: name, qryType: 5 })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] });

const annotation = ({ name, colour, title, expr, valueIsTime }: (typeof marks)[number]) =>
  new AnnotationQueryBuilder()
    .name(name)
    .datasource(source)
    .enable(true)
    .hide(false)
    .iconColor(colour)
    .titleFormat(title)
    .tagKeys('account,instance')
    .expr(expr)
    .useValueForTime(valueIsTime);

function panelOf(plan: PanelPlan, id: number) {
  const panel = drawn(plan)
    .id(id)
    .title(plan.title)
    .description(plan.asks)
    .datasource(source)
    .unit(plan.unit)
    .height(heights[plan.kind])
    .span(plan.width);
  const instant = plan.kind === 'table' || plan.kind === 'bars';
  const format = plan.kind === 'table' ? PromQueryFormat.Table : PromQueryFormat.TimeSeries;
  for (const [index, [legend, expr]] of Object.entries(plan.queries).entries()) {
    const query = new DataqueryBuilder()
      .refId(String.fromCharCode(65 + index))
      .expr(expr)
      .legendFormat(legend);
    panel.withTarget((instant ? query.instant() : query.range()).format(format));
  }
  if (plan.limits) panel.thresholds(thresholds(plan.limits));
  return panel;
}

function drawn({ kind, limits }: PanelPlan) {
  switch (kind) {
    case 'stat':
      return new Stat()
        .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
        .colorMode(BigValueColorMode.Background)
        .graphMode(BigValueGraphMode.Area)
        .textMode(BigValueTextMode.Auto)
        .noValue('–');
    case 'bars':
      return new BarGauge()
        .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
        .orientation(VizOrientation.Horizontal)
        .min(limits?.down ? 0.9 : 0)
        .max(1)
        .decimals(3);
    case 'table':
      return new Table()
        .withTransformation({
          id: 'organize',
          options: {
            excludeByName: { Time: true },
            indexByName: { title: 0, group: 1, cloud_group: 2, account: 3, task: 4, Value: 5 },
            renameByName: { Value: 'down for', cloud_group: 'cloud group' },
          },
        })
        .noValue('nothing is down');
    case 'timeline':
      return new StateTimeline().showValue(VisibilityMode.Never).mergeValues(true).noValue('none');
    case 'lines':
      return lines();
    case 'stack':
      return lines().fillOpacity(60).stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
    default:
      return kind satisfies never;
  }
}

const lines = () =>
  new TimeSeries()
    .min(0)
    .fillOpacity(5)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));

function thresholds({ yellow, red, down }: NonNullable<PanelPlan['limits']>): ThresholdsConfigBuilder {
  const steps: Threshold[] = down
    ? [
        { value: null, color: 'red' },
        { value: red, color: 'yellow' },
        { value: yellow, color: 'green' },
      ]
    : [
        { value: null, color: 'green' },
        { value: yellow, color: 'yellow' },
        { value: red, color: 'red' },
      ];
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
}
