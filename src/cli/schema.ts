/** `schema`: the JSON Schema of the configuration, for editors. */
import { Command } from 'commander';
import { writeJson } from './show.ts';
import type { Surroundings } from './surroundings.ts';

export const schemaCommand = ({ out }: Surroundings): Command =>
  new Command('schema').description('print the JSON Schema of the configuration, for editors').action(async () => {
    const [{ jsonSchema }, { localEngines }] = await Promise.all([
      import('../settings/json-schema.ts'),
      import('../store/open.ts'),
    ]);
    writeJson(out, jsonSchema(localEngines));
  });
