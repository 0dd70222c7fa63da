// From the settings of the operator to those of the node, and to what its descriptors say. Pure.

import { HOUR } from '../../base/time.ts';
import { formatEndpoint, isLoopback } from '../../net/endpoint.ts';
import type { Danger } from '../../post/counter.ts';
import type { NymFields } from '../directory/descriptor-fields.ts';
import { retryWarnings } from '../exit/retry-setting.ts';
import { advertised, exitDangers } from '../exit/settings.ts';
import { type PoolParameters, poolWeaknesses } from '../pool/strategy.ts';
import { publishUrls } from './directory/settings.ts';
import type { NodeProfile } from './keys/key-store.ts';
import type { NodeSettings } from './parts.ts';
import type { ExitOffer } from './service.ts';
import type { MixSettings } from './settings.ts';

const PROTOCOLS: readonly string[] = ['0.3'];
const SOFTWARE = 'Postern 0.1';
/** The counter that brings an exit with an mbox of its own. */
const NYMSERVER = 'nym';
const ALONE: ReadonlySet<string> = new Set();
/** Figures of a shorter time tell of single packets.   spec: mixminion-server 1.1 */
const SOUND_STATISTICS = 2 * HOUR;

export function nodeSettings(settings: MixSettings): NodeSettings {
  return { pool: poolOf(settings), retry: settings.retry, spoolSize: settings.spool_size };
}

/** What the descriptors of a remailer at `hostname` say, with the exit that another counter brings. */
export function profileOf(settings: MixSettings, hostname: string, offer?: ExitOffer): NodeProfile {
  const { nickname, contact, contact_fingerprint: contactFingerprint, comments, advertised_port } = settings;
  const reasons = weaknesses(settings);
  return {
    nickname,
    contact,
    software: SOFTWARE,
    secureConfiguration: reasons.length === 0,
    ...(reasons.length > 0 && { whyInsecure: reasons.map(({ text }) => text).join('; ') }),
    ...(contactFingerprint !== '' && { contactFingerprint }),
    ...(comments !== '' && { comments }),
    incoming: {
      hostname,
      port: advertised_port || (settings.listen[0] ?? settings.listen_compat[0])?.port || 0,
      protocols: PROTOCOLS,
      rules: [],
    },
    outgoing: { protocols: PROTOCOLS, rules: [] },
    ...advertised(settings),
    ...(offer && { nym: nymOf(settings, offer) }),
  };
}

/** spec: mixminion-nym 9 */
function nymOf({ mbox: { enabled } }: MixSettings, { nym, mbox }: ExitOffer): NymFields {
  return { ...nym, ...(enabled && { controlMbox: mbox.name }) };
}

interface Weakness {
  readonly setting: string;
  readonly text: string;
  readonly remedy: string;
}

const OF_POOL: Readonly<Record<keyof PoolParameters, Omit<Weakness, 'text'>>> = {
  strategy: { setting: 'mix.mix_algorithm', remedy: 'mix with "dynamic" or "binomial"' },
  interval: { setting: 'mix.mix_interval', remedy: 'mix every 30 minutes or more' },
  minimum: { setting: 'mix.mix_pool_minimum', remedy: 'keep 5 packets or more' },
  rate: { setting: 'mix.mix_pool_rate', remedy: 'the usual one is 60' },
};

/** Why this remailer hides less than it should.   spec: mixminion-server 1.1 */
function weaknesses(settings: MixSettings): Weakness[] {
  const short = settings.log_stats && settings.stats_interval < SOUND_STATISTICS;
  return [
    ...poolWeaknesses(poolOf(settings)).map(({ by, text }) => ({ ...OF_POOL[by], text })),
    ...(short
      ? [
          {
            setting: 'mix.stats_interval',
            text: 'Statistics cover too short a time',
            remedy: 'write figures of two hours or more, or none (log_stats = false)',
          },
        ]
      : []),
  ];
}

function poolOf({ mix_algorithm, mix_interval, mix_pool_minimum, mix_pool_rate }: MixSettings): PoolParameters {
  return { strategy: mix_algorithm, interval: mix_interval, minimum: mix_pool_minimum, rate: mix_pool_rate / 100 };
}

/** Settings with which the remailer cannot run in an office with these other counters. */
export function mixDangers(settings: MixSettings, beside: ReadonlySet<string> = ALONE): Danger[] {
  if (!settings.enabled) return [];
  const lacking = (setting: string, message: string, remedy: string) => ({
    setting: `mix.${setting}`,
    message,
    remedy,
  });
  const found: Danger[] = [];
  if (settings.nickname === '') found.push(lacking('nickname', 'a remailer needs a name', 'give it one'));
  if (settings.contact === '')
    found.push(lacking('contact', 'a remailer needs somebody to turn to', 'write your mail address'));
  if (settings.listen.length + settings.listen_compat.length === 0)
    found.push(lacking('listen', 'nobody could reach the remailer', 'name an address to listen on'));
  if (settings.compat === 'none' && settings.listen_compat.length > 0)
    found.push(
      lacking(
        'listen_compat',
        'the old program would be listened for, but is not to be spoken to',
        'set compat = "mixminion-0.0.8", or listen_compat = []',
      ),
    );
  return [...found, ...exitDangers(settings, 'mix', beside.has(NYMSERVER))];
}

/** What the doctor says of settings that are allowed. */
export function mixWarnings(settings: MixSettings): Danger[] {
  if (!settings.enabled) return [];
  const { servers, publish } = settings.directory;
  const alone = servers.length === 0;
  const open = settings.listen_compat.filter(({ host }) => !isLoopback(host)).map(formatEndpoint);
  return [
    ...weaknesses(settings).map(({ setting, text, remedy }) => ({
      setting,
      message: `${text}: the directory tells everybody (Why-Insecure)`,
      remedy,
    })),
    ...(alone
      ? [
          {
            setting: 'mix.directory.servers',
            message:
              'the remailer knows no directory, and so no other remailer to try, to pad links to, or to answer through',
            remedy: 'name the directory servers of your network, each as "FINGERPRINT URL"',
          },
        ]
      : []),
    ...(publish && publishUrls(settings.directory).length === 0
      ? [
          {
            setting: 'mix.directory.publish',
            message: 'no directory server is named that would hear of the remailer',
            remedy:
              'name one in mix.directory.servers with a "/" at the end of its URL, or in mix.directory.publish_urls',
          },
        ]
      : []),
    ...open.map((at) => ({
      setting: 'mix.listen_compat',
      message: `${at} speaks TLS down to 1.0 with 1024-bit keys, for remailers of the old program`,
      remedy: 'keep it only as long as your network has such remailers',
    })),
    ...retryWarnings(settings.retry, settings.mix_interval).map((message) => ({
      setting: 'mix.retry',
      message: `the schedule ${message}`,
      remedy: 'the usual one is "every 1 hour for 1 day, 7 hours for 5 days"',
    })),
  ];
}
