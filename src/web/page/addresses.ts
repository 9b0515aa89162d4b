/** The addresses of the page, as the API has its own. What answers at them is loaded when somebody opens one. */
import type { Need } from '../access.ts';

const at = <Name extends string>(method: 'get' | 'post', path: string, name: Name, need: Need) => ({
  method,
  /** Parameters in braces. */
  path,
  name,
  need,
});
const get = <Name extends string>(path: string, name: Name, need: Need = 'read') => at('get', path, name, need);
const post = <Name extends string>(path: string, name: Name, need: Need = 'operate') => at('post', path, name, need);

export const pageRoutes = [
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

export type PageRoute = (typeof pageRoutes)[number];
export type PageName = PageRoute['name'];
