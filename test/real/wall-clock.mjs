/** Loaded into a daemon (`--import`): its wall clock is wrong by the milliseconds that stand in the file WALL_CLOCK, read ten times a second. */
import { readFileSync } from 'node:fs';

const now = Date.now;
let skewMs = 0;
Date.now = () => now() + skewMs;
setInterval(() => {
  skewMs = Number(readFileSync(process.env.WALL_CLOCK ?? '', 'utf8'));
}, 100).unref();
