// GnuPG as the foreign judge: a keyring of its own in a temporary folder, and gpg run on it at a given time.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Gpg {
  /** Runs gpg and gives what it wrote to its output. Throws with its complaint when it fails. */
  run(args: readonly string[], input?: Uint8Array | string): Buffer;
  /** True when gpg succeeds. */
  accepts(args: readonly string[], input?: Uint8Array | string): boolean;
  /** Writes octets to a file in the keyring's folder and gives its path. */
  file(name: string, octets: Uint8Array | string): string;
  /** Makes a key without passphrase and gives its fingerprint: `makeKey('alice', 'ed25519', 'sign')`. */
  makeKey(userId: string, algorithm: string, use: string, expiry?: string): string;
  /** The binary public key. */
  export(fingerprint: string): Buffer;
  /** Ends gpg's agent and removes the folder. */
  close(): void;
}

/** Opens an empty keyring. `at` is the time gpg believes it is, in milliseconds since 1970. Fails clearly without gpg. */
export function openGpg(at: number): Gpg {
  const home = mkdtempSync(join(tmpdir(), 'postern-gpg-'));
  const environment = { ...process.env, GNUPGHOME: home, LC_ALL: 'C' };
  const base = ['--batch', '--yes', '--no-tty', '--pinentry-mode', 'loopback', '--passphrase', '', '--trust-model'];
  const always = [...base, 'always', '--faked-system-time', `${Math.floor(at / 1000)}!`];
  const call = (args: readonly string[], input: Uint8Array | string) => {
    const result = spawnSync('gpg', [...always, ...args], { input, env: environment, maxBuffer: 64 * 1024 * 1024 });
    if (result.error) throw new Error('these tests need GnuPG: install the package gnupg', { cause: result.error });
    return result;
  };
  const gpg: Gpg = {
    run(args, input = '') {
      const { status, stdout, stderr } = call(args, input);
      if (status !== 0) throw new Error(`gpg ${args.join(' ')}: ${stderr.toString()}`);
      return stdout;
    },
    accepts: (args, input = '') => call(args, input).status === 0,
    file(name, octets) {
      const path = join(home, name);
      writeFileSync(path, octets);
      return path;
    },
    makeKey(userId, algorithm, use, expiry = 'never') {
      gpg.run(['--quick-gen-key', userId, algorithm, use, expiry]);
      return fingerprintOf(gpg, userId);
    },
    export: (fingerprint) => gpg.run(['--export', fingerprint]),
    close() {
      spawnSync('gpgconf', ['--kill', 'all'], { env: environment });
      rmSync(home, { recursive: true, force: true });
    },
  };
  return gpg;
}

function fingerprintOf(gpg: Gpg, userId: string): string {
  const listing = gpg.run(['--with-colons', '--list-keys', `=${userId}`]).toString();
  return /^fpr:+([0-9A-F]+):/m.exec(listing)?.[1] ?? '';
}
