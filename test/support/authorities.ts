// Directory servers without a network: each with documents and a folder of its own, all on one clock, and the files of each to be
// had under its URL. Servers and authorities have the identity keys of the vectors.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Log, silentLog } from '../../src/base/log.ts';
import { DAY, HOUR, VirtualClock } from '../../src/base/time.ts';
import { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import type { AuthorityPost } from '../../src/mixminion/authority/authority-post.ts';
import { type DayFile, Days } from '../../src/mixminion/authority/days.ts';
import { Register } from '../../src/mixminion/authority/register.ts';
import { Rounds, type RoundsRules } from '../../src/mixminion/authority/rounds.ts';
import { ServerDescriptor } from '../../src/mixminion/directory/descriptor.ts';
import type { DirectoryServer } from '../../src/mixminion/directory/directory.ts';
import { memoryDocuments } from './memory-documents.ts';
import { fieldsOf, seeded, TODAY } from './mixminion-directory.ts';
import { mixminionVectors } from './vectors.ts';

const { servers } = mixminionVectors<{ servers: Record<string, { identity_pem: string }> }>('packets');

/** The identity key of one of the seven servers of the vectors. */
export function identityOf(name: string): RsaPrivateKey {
  const server = servers[name];
  if (server === undefined) throw new Error(`no server ${name}`);
  return RsaPrivateKey.fromPem(server.identity_pem);
}

type Changes = Parameters<typeof fieldsOf>[1];

/** A descriptor of `nickname` (published in the morning, good for 30 days) signed by its own key, or by that of `signer`. */
export function ownDescriptor(nickname: string, changes: Changes = {}, signer = nickname): ServerDescriptor {
  const clock = new VirtualClock(TODAY + 400 * DAY);
  return ServerDescriptor.build(fieldsOf(nickname, changes), identityOf(signer), { random: seeded(3), clock });
}

export interface TestAuthority extends AsyncDisposable {
  readonly post: AuthorityPost;
  readonly identity: RsaPrivateKey;
  readonly url: string;
  readonly register: Register;
  /** As of the last start. */
  days: Days;
  rounds: Rounds;
  /** Whether the others reach it. */
  up: boolean;
  /** The events that were warnings or errors. */
  readonly told: string[];
  /** Stands in for a crash and a new start. */
  restart(): Promise<void>;
  approve(...names: string[]): Promise<void>;
  /** The text of one of its files; undefined when it has none. */
  text(day: number, file: DayFile): Promise<string | undefined>;
}

export interface TestAuthorities extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly all: readonly TestAuthority[];
  /** As a client is told of them. */
  readonly known: readonly DirectoryServer[];
  /** Moves the clock to `until`; those who are up do on the way what is due, each when it wants to. */
  run(until: number): Promise<void>;
}

/** Authorities with the identity keys of these servers, in the morning of `TODAY`. */
export async function openAuthorities(names: readonly string[]): Promise<TestAuthorities> {
  const clock = new VirtualClock(TODAY + 6 * HOUR);
  const known = names.map((name) => {
    const url = `http://${name.toLowerCase()}.example.net/dir/`;
    return { name, url, fingerprint: identityOf(name).publicKey.fingerprint };
  });
  const all: TestAuthority[] = [];
  const download = async (url: string) => {
    const authority = all.find((one) => url.startsWith(one.url));
    const [, date = '', vote] = /(\d{4}-\d\d-\d\d)(-vote)?\.gz$/.exec(url) ?? [];
    const file = authority?.up ? await authority.days.read(Date.parse(date), vote ? 'vote' : 'new') : undefined;
    if (file === undefined) throw new Error('not found');
    return file;
  };
  for (const [place, { name, url }] of known.entries()) {
    const told: string[] = [];
    const log: Log = { ...silentLog, warn: (event) => told.push(event), error: (event) => told.push(event) };
    const folder = await mkdtemp(join(tmpdir(), 'postern-authority-'));
    const post: AuthorityPost = { store: memoryDocuments(), clock, random: seeded(20 + place), log };
    const identity = identityOf(name);
    const register = Register.of(post, folder);
    const rules: RoundsRules = {
      url,
      others: known.filter((other) => other.name !== name),
      recommendedVersions: { client: ['0.0.8alpha3', '0.0.7.1'], server: ['0.0.8alpha3'] },
      leastReliability: 0,
    };
    const start = async () => {
      const days = await Days.open(join(folder, 'days'), clock);
      return { days, rounds: new Rounds({ post, identity, register, days, download }, rules) };
    };
    all.push({
      ...(await start()),
      post,
      identity,
      url,
      register,
      told,
      up: true,
      async restart() {
        Object.assign(this, await start());
      },
      async approve(...nicknames) {
        for (const nickname of nicknames) {
          const { text, fingerprint } = ownDescriptor(nickname);
          await register.vote({ vote: 'yes', nickname, fingerprint });
          await register.upload(text, { approveAll: false, mostPending: 0 });
        }
      },
      async text(day, file) {
        const data = await this.days.read(day, file);
        return data && gunzipSync(data).toString('latin1');
      },
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
    });
  }
  return {
    clock,
    all,
    known,
    async run(until) {
      for (;;) {
        let next = until;
        for (const one of all) if (one.up) next = Math.min(next, await one.rounds.step());
        if (clock.now() >= until) return;
        await clock.advance(next - clock.now());
      }
    },
    async [Symbol.asyncDispose]() {
      for (const one of all) await one[Symbol.asyncDispose]();
    },
  };
}
