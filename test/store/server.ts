/** One PostgreSQL for the tests of the store, each with a database of its own: starting one costs a second and more. */
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresPort: number;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres({ flags: ['max_connections=200'] });
  project.provide('postgresPort', server.port);
  return server.stop;
}
