/** `simulate`: the pretend cloud alone, for trying out the daemon or another client. */
import { Command } from 'commander';
import type { Surroundings } from './surroundings.ts';

export const simulateCommand = (_: Surroundings): Command =>
  new Command('simulate').description('run the pretend cloud alone, for trying things out');
