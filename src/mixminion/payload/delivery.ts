// What a payload is, for the exit server that delivers it: it sees plaintext or it sees noise.   spec: mixminion-e2e 5.4

import { decompress, reassembledLimit, singletonLimit } from './compress.ts';
import { OvercompressedError, PayloadError } from './errors.ts';
import { type HeadedMessage, parseHeaderBlock } from './header-block.ts';
import { recognizePayload } from './payload.ts';
import type { AnonymousMessage } from './text.ts';

export type Delivery =
  | (HeadedMessage & { readonly kind: 'plain' })
  /** For the client to put together: the whole payload. */
  | { readonly kind: 'fragment'; readonly payload: Buffer }
  /** Beyond the limit when inflated: delivered as it is. */
  | { readonly kind: 'overcompressed'; readonly compressed: Buffer }
  /** An encrypted forward message, a reply, or junk. */
  | { readonly kind: 'encrypted'; readonly payload: Buffer }
  /** A digest that holds over contents that do not: there is nothing to deliver. */
  | { readonly kind: 'malformed'; readonly reason: string };

/** What came out of the last layer of a packet, 28672 octets. */
export function classifyPayload(payload: Buffer): Delivery {
  try {
    const found = recognizePayload(payload);
    if (found === undefined) return { kind: 'encrypted', payload };
    if (found.kind === 'fragment') return { kind: 'fragment', payload };
    return inflated(found.compressed, singletonLimit(found.compressed.length));
  } catch (error) {
    return asMalformed(error);
  }
}

/** A message that this server put together, its exit prefix taken off. */
export function classifyReassembled(compressed: Buffer): Delivery {
  try {
    return inflated(compressed, reassembledLimit(compressed.length));
  } catch (error) {
    return asMalformed(error);
  }
}

/**
 * The message as a delivery module hands it on, with the tag (20 octets) of its packet if that had one; undefined when
 * it is malformed.   spec: mixminion-e2e 8.1
 */
export function deliveredMessage(delivery: Delivery, tag?: Buffer): AnonymousMessage | undefined {
  switch (delivery.kind) {
    case 'plain':
      return { type: isPrintable(delivery.body) ? 'plaintext' : 'binary', contents: delivery.body };
    case 'fragment':
      return { type: 'fragment', contents: delivery.payload };
    case 'overcompressed':
      return { type: 'overcompressed', contents: delivery.compressed };
    case 'encrypted':
      return { type: 'encrypted', contents: delivery.payload, ...(tag === undefined ? {} : { tag }) };
    case 'malformed':
      return undefined;
  }
}

function inflated(compressed: Buffer, limit: number): Delivery {
  try {
    return { kind: 'plain', ...parseHeaderBlock(decompress(compressed, limit)) };
  } catch (error) {
    if (error instanceof OvercompressedError) return { kind: 'overcompressed', compressed };
    throw error;
  }
}

function asMalformed(error: unknown): Delivery {
  if (error instanceof PayloadError) return { kind: 'malformed', reason: error.code };
  throw error;
}

/** Text as the original program knew it: any octet but control characters, DEL and ff. */
function isPrintable(body: Buffer): boolean {
  return body.every((octet) => (octet >= 0x20 ? octet !== 0x7f && octet !== 0xff : PRINTED_CONTROLS.has(octet)));
}

const PRINTED_CONTROLS: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0b, 0x0d]);
