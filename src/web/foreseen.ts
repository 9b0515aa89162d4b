/** Which statuses each address can answer with: described in openapi.json, and counted from 0 on. */
import type { Count } from './between-threads.ts';
import { pageRoutes } from './page/addresses.ts';
import type { Route } from './route.ts';

export const goodStatusOf = ({ status = 200 }: Route): number => status;

export function otherStatusesOf({ query, body, need, others }: Route): Readonly<Record<number, string>> {
  const wrong: Record<number, string> = query || body ? { 400: 'Query or body is wrong: the detail says where' } : {};
  const denied: Record<number, string> =
    need === 'nothing' ? {} : { 401: 'No token, or an unknown one', 403: 'The token may not do this' };
  return { ...wrong, ...denied, ...others };
}

/** A page is there, is elsewhere, or cannot be. */
export const foreseenVisits: readonly Count[] = pageRoutes.flatMap(({ path, method }) =>
  [method === 'get' ? 200 : 303, 400, 403, 404].map((code) => ({ handler: path, code, requests: 0 })),
);

/** Every route with each status that is described for it, and what the doors answer by themselves. */
export const foreseenAnswers = (routes: readonly Route[]): readonly Count[] => [
  ...routes.flatMap((route) =>
    [goodStatusOf(route), ...Object.keys(otherStatusesOf(route))].map((code) => ({
      handler: route.path,
      code: Number(code),
      requests: 0,
    })),
  ),
  ...[400, 404, 408, 431, 503].map((code) => ({ handler: 'none', code, requests: 0 })),
];
