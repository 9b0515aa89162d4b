/** The password of the database is changed, and its certificate runs out: both are mended in files, without a restart. */
import { execFileSync } from 'node:child_process';
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Stage, sleep, until } from '../end-to-end/daemon.ts';
import { replicaSet } from '../end-to-end/replicas.ts';
import { startPostgres } from '../postgres.ts';

const nobody = 65_534;

/** An authority, and certificates of it that are valid for so many seconds. */
function authority(folder: string) {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=ca',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  );
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=database',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
  );
  writeFileSync(
    join(folder, 'ca.cnf'),
    `[ca]\ndefault_ca = it\n[it]\nnew_certs_dir = .\ndatabase = index\nserial = serial\nprivate_key = ca.key\ncertificate = ca.pem\ndefault_md = sha256\npolicy = any\nunique_subject = no\nx509_extensions = names\n[any]\ncommonName = supplied\n[names]\nsubjectAltName = IP:127.0.0.1\n`,
  );
  writeFileSync(join(folder, 'index'), '');
  writeFileSync(join(folder, 'serial'), '01');
  const utc = (seconds: number) =>
    new Date(Date.now() + seconds * 1_000)
      .toISOString()
      .replaceAll(/[-:T]|\.\d+/g, '')
      .slice(2);
  return {
    file: (name: string) => readFileSync(join(folder, name), 'utf8'),
    certificate(seconds: number): string {
      openssl(
        'ca',
        '-batch',
        '-config',
        'ca.cnf',
        '-in',
        'server.csr',
        '-out',
        'server.crt',
        '-notext',
        '-startdate',
        utc(-3_600),
        '-enddate',
        utc(seconds),
      );
      return readFileSync(join(folder, 'server.crt'), 'utf8');
    },
  };
}

it('a password that changes, a certificate that expires', async () => {
  await using stage = new Stage();
  const { certificate, file } = authority(stage.folder());
  const server = await startPostgres({
    files: { 'server.key': file('server.key'), 'server.crt': certificate(3_600) },
    flags: ['ssl=on', 'password_encryption=scram-sha-256'],
    hba: ['hostssl all keeper 127.0.0.1/32 scram-sha-256', 'hostnossl all keeper 127.0.0.1/32 reject'],
  });
  await server.ask("alter role keeper password 'first'");
  const set = await replicaSet(stage, { replicas: 0, accounts: 2, server });
  const [password, ca] = [join(stage.folder(), 'password'), join(stage.folder(), 'ca.pem')];
  writeFileSync(password, 'first\n');
  writeFileSync(ca, file('ca.pem'));
  const store = (url: string) => ({ url, passwordFile: password, caFile: ca });
  for (let i = 0; i < 2; i++) await set.add({ store });
  await set.balanced();
  const cut = () => server.ask("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'keeper'");
  const allSay = (text: RegExp) =>
    until(
      `all say ${text}`,
      () => set.replicas.every(({ daemon }) => text.test(daemon.stdout)),
      () => set.replicas[0]?.daemon.tail() ?? '',
    );

  await server.ask("alter role keeper password 'second'");
  await cut();
  await allSay(/it refuses this user with this password/);
  set.stopTasks((_, index) => index === 0);
  await sleep(2_000);
  writeFileSync(password, 'second\n');
  await set.healed();

  const put = async (text: string) => {
    const path = join(server.directory, 'server.crt');
    writeFileSync(path, text, { mode: 0o600 });
    if (process.getuid?.() === 0) chownSync(path, nobody, nobody);
    await server.ask('select pg_reload_conf()');
  };
  await put(certificate(4));
  await cut();
  await sleep(5_000);
  await cut();
  await allSay(/its certificate has expired/);
  set.stopTasks((_, index) => index === 1);
  await put(certificate(3_600));
  await set.healed();
  set.judge();
  for (const { daemon } of set.replicas) {
    expect(daemon.running).toBe(true);
    expect(daemon.stdout + daemon.stderr).not.toMatch(/"(first|second)"|: (first|second)\b/);
  }
});
