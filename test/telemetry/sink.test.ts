import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock as clock } from '../../src/clock.ts';
import { openSink } from '../../src/telemetry/sink.ts';

/** A pipe with its two ends; `read` takes what is there. */
function pipe() {
  const folder = mkdtempSync(join(tmpdir(), 'rk-sink-'));
  const path = join(folder, 'pipe');
  spawnSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  rmSync(folder, { recursive: true });
  const buffer = Buffer.alloc(1 << 20);
  const read = () => {
    try {
      return buffer.toString('utf8', 0, readSync(reader, buffer));
    } catch {
      return '';
    }
  };
  return { reader, writer, read };
}

const line = (n: number) => `${String(n).padStart(99, '0')}\n`;

test('what a full pipe does not take waits up to a bound, the rest is dropped and counted; nothing is cut or out of order', async () => {
  const { writer, reader, read } = pipe();
  let dropped = 0;
  const onDropped = (lines: number) => {
    dropped += lines;
  };
  const sink = openSink({ fd: writer, clock, onDropped });
  const written = 60_000;
  for (let n = 0; n < written; n++) sink.write(line(n));
  const before = performance.now();
  await sink.drained(200);
  expect(performance.now() - before).toBeLessThan(5_000);
  // 6 MB against a bound of 4 MiB.
  expect(dropped).toBeGreaterThan(10_000);
  let text = '';
  const drained = sink.drained(60_000).then(() => true);
  while (!(await Promise.race([drained, clock.sleep(5)]))) text += read();
  text += read();
  sink.write(line(written));
  await sink.drained(1_000);
  text += read();
  const lines = text.trimEnd().split('\n').map(Number);
  expect(lines).toHaveLength(written - dropped + 1);
  expect(lines.slice(0, -1)).toEqual(Array.from({ length: written - dropped }, (_, n) => n));
  expect(lines.at(-1)).toBe(written);
  closeSync(writer);
  closeSync(reader);
});

test('a reader that has gone costs the lines and nothing else', async () => {
  const { writer, reader } = pipe();
  let dropped = 0;
  const onDropped = (lines: number) => {
    dropped += lines;
  };
  const sink = openSink({ fd: writer, clock, onDropped });
  closeSync(reader);
  for (let n = 0; n < 10; n++) {
    sink.write(line(n));
    await sink.drained(1_000);
  }
  expect(dropped).toBe(10);
  closeSync(writer);
});

test('a descriptor that was closed is the same', async () => {
  let dropped = 0;
  const onDropped = (lines: number) => {
    dropped += lines;
  };
  const sink = openSink({ fd: 9_999, clock, onDropped });
  sink.write('one\ntwo\n');
  await sink.drained(1_000);
  expect(dropped).toBe(2);
});
