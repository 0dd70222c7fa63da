// MTA-STS (RFC 8461): a domain says over HTTPS which servers take its mail and that they show good certificates. What it said is kept
// in the store for as long as it said, so that nobody can take it back by holding up an answer.

import { request } from 'node:https';
import { parsePolicy, validateMx } from 'mailauth/lib/mta-sts.js';
import { z } from 'zod';
import { type Clock, HOUR, MINUTE, SECOND } from '../../base/time.ts';
import { isPublicAddress, type Resolver } from '../../net/resolver.ts';
import type { Post } from '../../post/post.ts';

const OWNER = 'smtp/(mta-sts)';
const MAX_POLICY = 64 * 1024;
const FETCH_TIME = MINUTE;
/** A domain whose policy cannot be had is not asked again for so long. */
const PATIENCE = HOUR;
const MAX_AGE = 31_557_600 * SECOND;

const policyShape = z.object({
  id: z.string(),
  mode: z.enum(['enforce', 'testing', 'none']),
  mx: z.array(z.string()),
  until: z.number(),
});

type Kept = z.infer<typeof policyShape>;

/** Gets the text at a HTTPS address; undefined when there is none. May throw. */
export type FetchText = (url: string) => Promise<string | undefined>;

export interface Policy {
  /** True when mail may go only to the servers named, and only over TLS with a certificate that is good for their names. */
  readonly enforced: boolean;
  allows(host: string): boolean;
}

export const NO_POLICY: Policy = { enforced: false, allows: () => true };

export class PolicyDesk {
  readonly #post: Post;
  readonly #fetch: FetchText;

  constructor(post: Post, fetch: FetchText) {
    this.#post = post;
    this.#fetch = fetch;
  }

  /** Never throws for what the domain does: without a policy that can be had, mail goes as if there were none. RFC 8461 5 */
  async of(domain: string): Promise<Policy> {
    const { clock, store } = this.#post;
    const document = await store.documents.get(OWNER, domain);
    const kept = document && policyShape.parse(JSON.parse(document.value.toString()));
    const valid = kept !== undefined && kept.until > clock.now() ? kept : undefined;
    const id = await this.#idOf(domain);
    if (id === undefined || id === valid?.id) return inForce(valid);
    try {
      const text = await this.#fetch(`https://mta-sts.${domain}/.well-known/mta-sts.txt`);
      if (text === undefined) return inForce(valid);
      const { mode, mx = [], maxAge = 0 } = parsePolicy(text, { strict: true });
      const until = clock.now() + Math.min(Number(maxAge) * SECOND, MAX_AGE);
      const found = policyShape.parse({ id, mode, mx, until });
      await this.#keep(domain, found);
      return inForce(found);
    } catch {
      this.#post.log.info('smtp.policy-not-had', {});
      if (valid === undefined) await this.#keep(domain, { id, mode: 'none', mx: [], until: clock.now() + PATIENCE });
      return inForce(valid);
    }
  }

  /** The id in the record that says there is a policy. RFC 8461 3.1 */
  async #idOf(domain: string): Promise<string | undefined> {
    const records = await this.#post.resolver.txt(`_mta-sts.${domain}`).catch(() => []);
    const [record, ...more] = records.filter((text) => /^v=STSv1[ \t]*;/.test(text));
    if (record === undefined || more.length > 0) return undefined;
    return /;[ \t]*id=([a-z0-9]{1,32})[ \t]*(?:;|$)/i.exec(record)?.[1];
  }

  async #keep(domain: string, policy: Kept): Promise<void> {
    await this.#post.store.documents.put(OWNER, domain, Buffer.from(JSON.stringify(policy)));
  }
}

function inForce(policy: Kept | undefined): Policy {
  if (policy?.mode !== 'enforce') return NO_POLICY;
  const { mode, mx } = policy;
  return { enforced: true, allows: (host) => validateMx(host, { mode, mx }).valid };
}

/** Fetches from the open internet alone, follows no redirection, and takes plain text only. RFC 8461 3.3 */
export function policyFetcher(resolver: Resolver, clock: Clock): FetchText {
  return async (url) => {
    const { hostname } = new URL(url);
    const address = (await resolver.addresses(hostname)).find(isPublicAddress);
    if (address === undefined) return undefined;
    return new Promise((resolve, reject) => {
      const asking = request(url, { host: address, servername: hostname, headers: { host: hostname } }, (answer) => {
        const isText = /^text\/plain\b/i.test(answer.headers['content-type'] ?? '');
        if (answer.statusCode !== 200 || !isText) asking.destroy(new Error('there is no policy'));
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_POLICY) asking.destroy(new Error('the policy is too long'));
          else chunks.push(chunk);
        });
        answer.on('end', () => resolve(Buffer.concat(chunks).toString()));
      });
      const cancel = clock.timer(FETCH_TIME, () => asking.destroy(new Error('the policy takes too long')));
      asking.on('error', reject);
      asking.on('close', cancel);
      asking.end();
    });
  };
}
