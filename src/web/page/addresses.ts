/** The addresses of the page, as the API has its own. What answers at them is loaded when somebody opens one. */
import type { Need } from '../access.ts';

export interface PageRoute {
  readonly method: 'get' | 'post';
  /** Parameters in braces. */
  readonly path: string;
  readonly need: Need;
  readonly name: PageName;
}

export type PageName =
  | 'home'
  | 'tasks'
  | 'task'
  | 'restart'
  | 'release'
  | 'groups'
  | 'holds'
  | 'add-hold'
  | 'remove-hold'
  | 'extend-hold'
  | 'events'
  | 'configuration'
  | 'runbooks'
  | 'sign-in'
  | 'signing-in'
  | 'sign-out'
  | 'language'
  | 'asset';

const get = (path: string, name: PageName, need: Need = 'read'): PageRoute => ({ method: 'get', path, need, name });
const post = (path: string, name: PageName, need: Need = 'operate'): PageRoute => ({
  method: 'post',
  path,
  need,
  name,
});

export const pageRoutes: readonly PageRoute[] = [
  get('/', 'home'),
  get('/tasks', 'tasks'),
  get('/tasks/{account}/{id}', 'task'),
  post('/tasks/{account}/{id}/restart', 'restart'),
  post('/tasks/{account}/{id}/release', 'release'),
  get('/groups', 'groups'),
  get('/holds', 'holds'),
  post('/holds', 'add-hold'),
  post('/holds/{id}/remove', 'remove-hold'),
  post('/holds/{id}/extend', 'extend-hold'),
  get('/events', 'events'),
  get('/configuration', 'configuration'),
  get('/runbooks', 'runbooks', 'nothing'),
  get('/sign-in', 'sign-in', 'nothing'),
  post('/sign-in', 'signing-in', 'nothing'),
  post('/sign-out', 'sign-out', 'nothing'),
  post('/language', 'language', 'nothing'),
  get('/assets/{file}', 'asset', 'nothing'),
];
