/** Undici's own module of the Pool, which has no types of its own; transport.ts says why it is wanted. */
declare module 'undici/lib/dispatcher/pool.js' {
  export { Pool as default } from 'undici';
}
