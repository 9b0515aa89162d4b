/** What the charts of the page count, minute by minute. */
import { expect, test } from 'vitest';
import type { EventsAsked } from '../../src/domain/ports/operations-port.ts';
import type { EventView } from '../../src/domain/views/shown.ts';
import { followPast } from '../../src/web/page/past.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';
import { events, eventView } from '../telemetry/samples.ts';
import { status } from './fixture.ts';

test('every restart and every failure of a minute is counted: of two accounts at their limit, and of none', async () => {
  const stored: EventView[] = [];
  const happen = (type: 'restart-answered' | 'restart-failed', times: number) => {
    for (let n = 0; n < times; n++) stored.push(eventView(events[type], stored.length + 1));
  };
  happen('restart-answered', 5);
  const clock = new VirtualClock(0);
  const { samples, close } = followPast(
    {
      status: () => status,
      settledUpTo: async () => stored.length,
      events: async ({ types, before = 0, after = 0, limit }: EventsAsked) =>
        stored
          .filter(({ seq, event }) => seq > after && seq < before && types?.includes(event.type))
          .reverse()
          .slice(0, limit),
    },
    clock,
  );
  await clock.run(1_000);
  happen('restart-answered', 1_200);
  happen('restart-failed', 800);
  await clock.run(60_000);
  await clock.run(60_000);
  close();
  // The first only says where counting begins.
  expect(samples().map(({ restarts, failures }) => [restarts, failures])).toEqual([
    [0, 0],
    [1_200, 800],
    [0, 0],
  ]);
});
