// A directory server at work: its parts together, and what is counted of them.

import { join } from 'node:path';
import { z } from 'zod';
import { sourceOf } from '../../net/source.ts';
import { type Controls, control } from '../../post/control.ts';
import type { House, Listening } from '../../post/counter.ts';
import { KeyedBuckets } from '../../post/keyed-buckets.ts';
import type { Post } from '../../post/post.ts';
import { writeDate } from '../directory/value-kinds.ts';
import { Days } from './days.ts';
import { HttpPort } from './http-port.ts';
import { authorityIdentity } from './identity.ts';
import { makePages } from './pages.ts';
import { Register, type UploadAnswer } from './register.ts';
import { Rounds, type RoundsRules } from './rounds.ts';
import type { AuthoritySettings } from './settings.ts';

/** All parts of a directory server but its ports. */
export class Work {
  readonly #post: Post;
  readonly #register: Register;
  readonly #days: Days;
  readonly #rounds: Rounds;
  readonly #stop = new AbortController();
  readonly #countUpload: (labels: { outcome: string }) => void;
  readonly countRefused: (labels: { reason: string }) => void;
  #settings: AuthoritySettings;
  #http: HttpPort;
  #uploads: KeyedBuckets;
  #kept: Promise<void> | undefined;

  private constructor(post: Post, settings: AuthoritySettings, register: Register, days: Days, rounds: Rounds) {
    this.#post = post;
    this.#settings = settings;
    this.#register = register;
    this.#days = days;
    this.#rounds = rounds;
    this.#uploads = new KeyedBuckets(settings.upload_rate, post.clock);
    this.#http = this.#makeHttp('/');
    const { metrics } = post;
    this.#countUpload = metrics.counter('postern_directory_uploads_total', 'Descriptors sent to the directory server', [
      'outcome',
    ]);
    this.countRefused = metrics.counter(
      'postern_directory_refused_total',
      'Connections that the directory server turned away',
      ['reason'],
    );
  }

  static async open({ post, folder, hostname }: House, settings: AuthoritySettings): Promise<Work> {
    const identity = await authorityIdentity(folder);
    const register = Register.of(post, folder);
    const days = await Days.open(join(folder, 'days'), post.clock);
    const rounds = new Rounds({ post, identity, register, days }, rulesOf(settings, hostname, []));
    return new Work(post, settings, register, days, rounds);
  }

  /** What may be asked while the directory server is at work. */
  readonly controls: Controls<AuthoritySettings> = {
    status: control(z.null(), async () => this.#status()),
    /** Makes the directory of today anew; false where others vote. */
    now: control(z.null(), async () => this.#rounds.renew()),
  };

  use({ hostname }: House, settings: AuthoritySettings, listening: readonly Listening[]): void {
    const rules = rulesOf(settings, hostname, listening);
    this.#settings = settings;
    this.#rounds.use(rules);
    this.#uploads = new KeyedBuckets(settings.upload_rate, this.#post.clock);
    this.#http = this.#makeHttp(new URL(rules.url).pathname);
  }

  get http(): HttpPort {
    return this.#http;
  }

  start(): void {
    this.#kept ??= this.#rounds.keep(this.#stop.signal);
  }

  leave(): void {
    this.#http.leave();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#kept;
  }

  #makeHttp(base: string): HttpPort {
    const descriptors = async () => (await this.#register.listed()).descriptors.map(({ text }) => text).join('');
    const upload = (text: string, from: string | undefined) => this.#upload(text, from);
    const { clock } = this.#post;
    return new HttpPort(makePages({ days: this.#days, clock, base, upload, descriptors }), clock);
  }

  async #upload(text: string, from: string | undefined): Promise<UploadAnswer> {
    if (!this.#uploads.take(sourceOf(from))) {
      this.#countUpload({ outcome: 'rate' });
      return { status: 0, message: 'Too many descriptors from your address; try again in an hour.' };
    }
    const { approve, most_pending: mostPending } = this.#settings;
    const { answer, outcome } = await this.#register.upload(text, { approveAll: approve === 'all', mostPending });
    this.#countUpload({ outcome });
    if (outcome === 'queued') this.#post.log.info('directory.pending');
    if (outcome === 'accepted' && approve === 'all') await this.#rounds.renew();
    return answer;
  }

  async #status() {
    const current = this.#days.current();
    const { voters, others, identity } = this.#rounds;
    return {
      fingerprint: identity.fingerprint,
      day: current === undefined ? null : writeDate(current),
      pending: (await this.#register.pending()).length,
      voters: voters.map((voter) => ({ ...voter, ...others.get(voter.fingerprint) })),
    };
  }
}

function rulesOf(settings: AuthoritySettings, hostname: string, listening: readonly Listening[]): RoundsRules {
  const [first] = listening;
  const scheme = settings.listen.length > 0 ? 'http' : 'https';
  const host = hostname.includes(':') ? `[${hostname}]` : hostname;
  return {
    url: settings.url === '' ? `${scheme}://${host}:${first?.at.port ?? 0}/` : settings.url,
    others: settings.voters,
    recommendedVersions: { client: settings.client_versions, server: settings.server_versions },
    leastReliability: settings.least_reliability / 100,
  };
}
