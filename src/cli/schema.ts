/** `schema`: the JSON Schema of the configuration, for editors. */
import { Command } from 'commander';
import { writeJson } from './show.ts';
import type { Surroundings } from './surroundings.ts';

export const schemaCommand = ({ out }: Surroundings): Command =>
  new Command('schema').description('print the JSON Schema of the configuration, for editors').action(async () => {
    const { jsonSchema } = await import('../settings/json-schema.ts');
    writeJson(out, jsonSchema());
  });
