/** The description of the API for machines (OpenAPI 3.1), made from the route table. */
import { z } from 'zod';
import { reasonMeanings, reasons } from '../domain/words/reason.ts';
import { answers } from './answers.ts';
import { goodStatusOf, otherStatusesOf } from './foreseen.ts';
import { taskId } from './inputs.ts';
import type { Route } from './route.ts';

const reason = {
  oneOf: reasons.map((name) => ({ const: name, description: reasonMeanings[name].means })),
};

export function describeApi(routes: readonly Route[], version: string, externalUrl: string | undefined) {
  const schemas = Object.entries(answers).map(([name, schema]) => [name, schemaOf(schema, 'output')]);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const at = paths[route.path] ?? {};
    at[route.method] = operationOf(route);
    paths[route.path] = at;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'relaykeeper',
      version,
      description: 'Times are Unix milliseconds. On the unix socket no token is needed.',
    },
    servers: [{ url: externalUrl ?? '/' }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'A token of server.tokens' } },
      schemas: { Reason: reason, ...Object.fromEntries(schemas) },
    },
  };
}

function operationOf(route: Route) {
  const wrong = (description: string) => ({
    description,
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  });
  return {
    summary: route.summary,
    'x-scope': route.need,
    ...(route.need === 'nothing' ? {} : { security: [{ token: [] }] }),
    parameters: [...pathParameters(route), ...queryParameters(route)],
    ...(route.body ? { requestBody: { content: { 'application/json': { schema: schemaOf(route.body) } } } } : {}),
    responses: {
      [goodStatusOf(route)]: { description: route.answer, ...contentOf(route) },
      ...Object.fromEntries(Object.entries(otherStatusesOf(route)).map(([status, said]) => [status, wrong(said)])),
    },
  };
}

function contentOf({ schema }: Route) {
  if (schema === undefined) return {};
  const one = { $ref: `#/components/schemas/${schema.replace('[]', '')}` };
  return { content: { 'application/json': { schema: schema.endsWith('[]') ? { type: 'array', items: one } : one } } };
}

const pathParameters = (route: Route) =>
  [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: name === 'id' ? schemaOf(taskId) : { type: 'string' },
  }));

function queryParameters(route: Route) {
  const properties: unknown = route.query && schemaOf(route.query).properties;
  if (typeof properties !== 'object' || properties === null) return [];
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
}

// What comes in is described: before a text has become a number.
const schemaOf = (schema: z.ZodType, io: 'input' | 'output' = 'input') => {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io });
  return described;
};
