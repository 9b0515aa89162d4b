/** Every generated file: where it stands and what belongs in it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ruleGroups } from './alerts/all.ts';
import { grafanaRules, operatorRule, prometheusRules } from './alerts/rule-files.ts';
import { dashboardJson } from './dashboard/dashboard.ts';
import { chineseRunbooks, englishRunbooks, runbooks, withTables } from './documents.ts';

/** Paths below `root`, that of the repository. The README is read from there: only its tables are written. */
export function generatedFiles(root: string) {
  const groups = ruleGroups();
  return [
    { path: 'config/prometheus/rules.yaml', text: prometheusRules(groups) },
    { path: 'config/prometheus/prometheusrule.yaml', text: operatorRule(groups) },
    { path: 'config/prometheus/runbooks.md', text: runbooks(groups, englishRunbooks) },
    { path: 'config/prometheus/runbooks.zh.md', text: runbooks(groups, chineseRunbooks) },
    { path: 'config/grafana/provisioning/alerting/relaykeeper.yaml', text: grafanaRules(groups) },
    { path: 'config/grafana/dashboards/relaykeeper.json', text: dashboardJson() },
    { path: 'README.md', text: withTables(readFileSync(join(root, 'README.md'), 'utf8')) },
  ];
}

/** What is on the disk; undefined: there is no such file. */
export function onDisk(root: string, path: string): string | undefined {
  const file = join(root, path);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
