/** The description of the API for machines (OpenAPI 3.1), made from the route table. */
import { z } from 'zod';
import { reasonMeanings, reasons } from '../domain/words/reason.ts';
import type { Count } from './between-threads.ts';
import type { Route } from './routes.ts';

const problem = {
  type: 'object',
  properties: { error: { type: 'string' }, hint: { type: 'string' } },
  required: ['error', 'hint'],
} as const;

/** Why a stopped task is not restarted. */
const reason = {
  oneOf: reasons.map((name) => ({ const: name, description: reasonMeanings[name].means })),
};

export interface ApiDescription {
  readonly openapi: '3.1.0';
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly [field: string]: unknown;
}

export function describeApi(
  routes: readonly Route[],
  version: string,
  externalUrl: string | undefined,
): ApiDescription {
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
      schemas: { Problem: problem, Reason: reason },
    },
  };
}

/** Every route with each status that is described for it, and what the doors answer by themselves: counted from 0 on. */
export const foreseenAnswers = (routes: readonly Route[]): readonly Count[] => [
  ...routes.flatMap((route) =>
    Object.keys(operationOf(route).responses).map((code) => ({ handler: route.path, code: Number(code), requests: 0 })),
  ),
  ...[400, 404, 408, 431, 503].map((code) => ({ handler: 'none', code, requests: 0 })),
];

function operationOf(route: Route) {
  const wrong = (description: string) => ({
    description,
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } },
  });
  const others: Readonly<Record<number, string | undefined>> = {
    ...(route.query || route.body ? { 400: 'Query or body are wrong: the error says where' } : {}),
    ...(route.need === 'nothing' ? {} : { 401: 'No token, or an unknown one', 403: 'The token may not do this' }),
    ...route.others,
  };
  return {
    summary: route.summary,
    'x-scope': route.need,
    ...(route.need === 'nothing' ? {} : { security: [{ token: [] }] }),
    parameters: [...pathParameters(route), ...queryParameters(route)],
    ...(route.body ? { requestBody: { content: { 'application/json': { schema: schemaOf(route.body) } } } } : {}),
    responses: {
      [route.path === '/api/v1/holds' && route.method === 'post' ? 201 : 200]: { description: route.answer },
      ...Object.fromEntries(Object.entries(others).map(([status, description = '']) => [status, wrong(description)])),
    },
  };
}

const pathParameters = (route: Route) =>
  [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));

function queryParameters(route: Route) {
  const properties: unknown = route.query && schemaOf(route.query).properties;
  if (typeof properties !== 'object' || properties === null) return [];
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
}

// What comes in is described: before a text has become a number.
const schemaOf = (schema: z.ZodType) => {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io: 'input' });
  return described;
};
