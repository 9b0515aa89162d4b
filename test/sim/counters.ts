/** The production metrics of one process, and what a scrape would show of one counter. */
import { knownCodes } from '../../src/cloud/errors.ts';
import type { Event } from '../../src/domain/words/events.ts';
import type { Policies } from '../../src/domain/words/policy.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

export interface Counters {
  readonly record: (event: Event) => void;
  /** Reads the counter off the text for Prometheus, added up over its labels. */
  readonly text: () => Promise<string>;
}

export function countersFor(policies: Policies): Counters {
  const metrics = createMetrics({
    version: '0',
    revision: 'sim',
    maxTaskSeries: () => 0,
    knownCodes,
    processMetrics: false,
  });
  metrics.configure([policies]);
  return { record: (event) => metrics.record(event), text: () => metrics.render([]) };
}

export function total(text: string, name: string): number {
  let sum = 0;
  for (const line of text.split('\n'))
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  return sum;
}
