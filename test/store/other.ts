/**
 * Another process that uses a store: `save FILE` owns it and saves for ever, telling each save once it is
 * acknowledged; `open FILE` opens it and tells how that went.
 */
import { systemClock } from '../../src/clock.ts';
import { sqliteAt } from '../../src/store/sqlite/sqlite-store.ts';
import { found, nothing, record } from './shapes.ts';

const [command, file = ''] = process.argv.slice(2);

try {
  const store = await sqliteAt(file).open({ clock: systemClock, onTrace: () => {} });
  if (command === 'open') {
    console.log(`opened, up: ${store.failingSince() === undefined}`);
    await store.close();
  } else {
    const { epoch } = await store.ownership.acquire('main', new AbortController().signal);
    console.log(`epoch ${epoch}`);
    for (let n = 1; ; n++) {
      // Event and record say the same: whichever is there afterwards, both must be. Many rows, so that many
      // kills hit the middle of a transaction.
      const tasks = Array.from({ length: 300 }, (_, i) => record(`task-${i}`, n));
      await store.ledgerStore.save('main', { ...nothing, events: [found(`save-${epoch}-${n}`)], tasks });
      console.log(`saved ${n}`);
    }
  }
} catch (error) {
  console.log(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}
