/** The commands by which the README has one see it all: as an ordinary user, as they stand, in a folder of the user's own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Stage, until } from '../end-to-end/daemon.ts';
import { freePort } from '../ports.ts';

const root = join(import.meta.dirname, '../..');
const commands = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^\d\. `(prometheus[^`]*)`/gm)].map(
  ([, command = '']) => command,
);
/** Debian's `nobody`, if this is root: as root everything may be written. */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

test('two programs are named', () => {
  expect(commands.map((command) => command.split(' ')[0])).toEqual(['prometheus', 'prometheus-alertmanager']);
});

test.each(commands)('%s', async (command) => {
  await using stage = new Stage();
  const cwd = stage.folder();
  cpSync(join(root, 'config'), join(cwd, 'config'), { recursive: true });
  if (user.uid !== undefined) chownSync(cwd, user.uid, user.gid);
  const [program = '', ...args] = command.split(' ');
  // Only the port is another: whose machine this is may have one running.
  const port = await freePort();
  const child = spawn(program, [...args, `--web.listen-address=127.0.0.1:${port}`], { cwd, ...user });
  stage.onLeave(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const ready = () =>
    fetch(`http://127.0.0.1:${port}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(
    `${program} is ready`,
    async () => child.exitCode !== null || (await ready()),
    () => said,
  );
  expect(child.exitCode, said).toBeNull();
  // What it cannot write it tells as an error.
  expect(said).not.toMatch(/level=error|denied/);
});
