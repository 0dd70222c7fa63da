// What the two sides of a link ask of TLS: ours among ourselves, and what the servers of the old family know.
// spec: mixminion-mmtp 1.1, 1.2

import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

/** The name by which an operator lets the old servers in, and a client lets itself out to them. */
export type Compat = 'mixminion-0.0.8';

/** Among ourselves: TLS 1.3 and nothing else. */
const CURRENT: SecureContextOptions = { minVersion: 'TLSv1.3' };

/**
 * From TLS 1.3 down to TLS 1.0 with the one suite that old servers have. Both sides take the best that the other knows, so
 * links among ourselves stay TLS 1.3, and nobody in between can talk them down: whoever knows TLS 1.3 notices in the
 * handshake. There is no second attempt with less. The lowest security level is what lets OpenSSL take 1024-bit link keys
 * and SHA-1 signatures.
 */
const OLD: SecureContextOptions = {
  minVersion: 'TLSv1',
  maxVersion: 'TLSv1.3',
  ciphers: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_GCM_SHA256',
    'DHE-RSA-AES128-SHA',
    '@SECLEVEL=0',
  ].join(':'),
};

/** Servers built before 2010 do not say that they renegotiate safely; we never renegotiate. */
const OLD_SERVERS: SecureContextOptions = { ...OLD, secureOptions: constants.SSL_OP_LEGACY_SERVER_CONNECT };

/** No link is resumed, so that each has keys of its own and no ticket key outlives it. */
const NO_TICKETS: SecureContextOptions = { secureOptions: constants.SSL_OP_NO_TICKET };

export function connectingTls(compat: Compat | undefined): SecureContextOptions {
  return compat === undefined ? CURRENT : OLD_SERVERS;
}

/** `auto` gives a Diffie-Hellman group as strong as the link key, which is the one of 1024 bits. */
export function listeningTls(compat: Compat | undefined): SecureContextOptions {
  return compat === undefined ? { ...CURRENT, ...NO_TICKETS } : { ...OLD, ...NO_TICKETS, dhparam: 'auto' };
}
