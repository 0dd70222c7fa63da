// A message in the delivery queue, as octets. It is kept as it arrived, still compressed, and read anew at each attempt.
//
//   u8 form (0 one packet, 1 put together) | u8 tag length | tag | u16 address length | address | payload or compressed message

import { TAG_LENGTH } from '../packet/layout.ts';
import { classifyPayload, classifyReassembled, type Delivery } from '../payload/delivery.ts';

export interface QueuedMessage {
  readonly form: 'packet' | 'reassembled';
  readonly tag: Buffer | undefined;
  readonly address: Buffer;
  /** A payload of 28672 octets, or a compressed message. */
  readonly contents: Buffer;
}

export function writeJob({ form, tag, address, contents }: QueuedMessage): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(address.length);
  const head = Buffer.of(form === 'packet' ? 0 : 1, tag?.length ?? 0);
  return Buffer.concat([head, tag ?? Buffer.alloc(0), length, address, contents]);
}

/** What `writeJob` wrote; undefined for anything else. */
export function readJob(octets: Buffer): QueuedMessage | undefined {
  const form = octets[0];
  const tagLength = octets[1];
  if ((form !== 0 && form !== 1) || (tagLength !== 0 && tagLength !== TAG_LENGTH)) return undefined;
  const addressStart = 2 + tagLength + 2;
  if (octets.length < addressStart) return undefined;
  const contentsStart = addressStart + octets.readUInt16BE(2 + tagLength);
  if (octets.length < contentsStart) return undefined;
  return {
    form: form === 0 ? 'packet' : 'reassembled',
    tag: tagLength === 0 ? undefined : octets.subarray(2, 2 + tagLength),
    address: octets.subarray(addressStart, contentsStart),
    contents: octets.subarray(contentsStart),
  };
}

/** What is in it. Whatever is queued was looked at before, so that this says the same each time. */
export function classify({ form, contents }: QueuedMessage): Delivery {
  return form === 'packet' ? classifyPayload(contents) : classifyReassembled(contents);
}
