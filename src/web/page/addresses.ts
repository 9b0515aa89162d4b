/** The addresses of the page, as the API has its own, and what answers there: loaded when somebody opens one. */
import type { Need } from '../access.ts';
import type { Answering } from './frame.ts';

export interface PageRoute {
  readonly method: 'get' | 'post';
  /** Parameters in braces. */
  readonly path: string;
  readonly need: Need;
  readonly load: () => Promise<Answering>;
}

const at =
  (method: PageRoute['method'], usual: Need) =>
  (path: string, load: PageRoute['load'], need = usual): PageRoute => ({ method, path, need, load });
const get = at('get', 'read');
const post = at('post', 'operate');

export const pageRoutes: readonly PageRoute[] = [
  get('/', async () => (await import('./home-page.ts')).homePage),
  get('/tasks', async () => (await import('./task-pages.ts')).tasksPage),
  get('/tasks/{account}/{id}', async () => (await import('./task-pages.ts')).taskPage),
  post('/tasks/{account}/{id}/restart', async () => (await import('./task-pages.ts')).restart),
  post('/tasks/{account}/{id}/release', async () => (await import('./task-pages.ts')).release),
  get('/groups', async () => (await import('./group-page.ts')).groupsPage),
  get('/holds', async () => (await import('./hold-pages.ts')).holdsPage),
  post('/holds', async () => (await import('./hold-pages.ts')).addHold),
  post('/holds/{id}/remove', async () => (await import('./hold-pages.ts')).removeHold),
  post('/holds/{id}/extend', async () => (await import('./hold-pages.ts')).extendHold),
  get('/events', async () => (await import('./event-page.ts')).eventsPage),
  get('/configuration', async () => (await import('./configuration-page.ts')).configurationPage),
  get('/runbooks', async () => (await import('./runbooks-page.ts')).runbooksPage, 'nothing'),
  get('/sign-in', async () => (await import('./sign-in-page.ts')).signInPage, 'nothing'),
  post('/sign-in', async () => (await import('./sign-in-page.ts')).signIn, 'nothing'),
  post('/sign-out', async () => (await import('./sign-in-page.ts')).signOut, 'nothing'),
  post('/language', async () => (await import('./sign-in-page.ts')).chooseLanguage, 'nothing'),
  get('/assets/{file}', async () => (await import('./assets.ts')).assetOf, 'nothing'),
];
