/** `version`: what is running here. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { writeJson } from './show.ts';
import type { Surroundings } from './surroundings.ts';

/** The version in package.json, the only place that has it. Without it the program runs all the same. */
export function programVersion(file = new URL('../../package.json', import.meta.url)): string {
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return (read as { readonly version?: string }).version ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

export const versionCommand = ({ out }: Surroundings): Command =>
  new Command('version')
    .description('print the version of relaykeeper and of Node')
    .option('--json', 'print JSON')
    .action((options: { json?: true }) => {
      const versions = { relaykeeper: programVersion(), node: process.versions.node };
      if (options.json) writeJson(out, versions);
      else out.write(`relaykeeper ${versions.relaykeeper} (node ${versions.node})\n`);
    });
