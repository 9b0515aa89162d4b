/** `npm run bench NAME [-- --quick] [-- --only TASKS]`: measures one thing in real time and prints a Markdown table. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** A short run, to see that it works; its figures are not to be quoted. */
  readonly quick: boolean;
  /** One size alone, in tasks, of a bench that has several. */
  readonly only: number | undefined;
}

const here = import.meta.dirname;
const names = readdirSync(here).filter((name) => existsSync(join(here, name, 'bench.ts')));

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean' }, only: { type: 'string' } },
});
const [name] = positionals;
if (name === undefined || positionals.length > 1 || !names.includes(name)) {
  console.error(`usage: npm run bench NAME [-- --quick] [-- --only TASKS]\nNAME: ${names.join(', ')}`);
  process.exit(2);
}
const { bench }: { bench: (options: BenchOptions) => Promise<void> } = await import(join(here, name, 'bench.ts'));
await bench({ quick: values.quick ?? false, only: values.only === undefined ? undefined : Number(values.only) });
