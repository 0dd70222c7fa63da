// The address in front of a message that its exit server puts together: the fragments carry none.   spec: mixminion-e2e 6.4
//
//   u16 exit type | u16 length | exit address, without tag | compressed message

import { PayloadError } from './errors.ts';

const START = 4;
const MAX_ADDRESS = 0xffff;

export interface ExitAddress {
  /** Exit type, e.g. 0x0100 for SMTP. */
  readonly type: number;
  /** Routing info of that type, without tag. */
  readonly info: Uint8Array;
}

/** The prefix for an address. Throws PayloadError when the address is longer than 65535 octets. */
export function writeExitPrefix({ type, info }: ExitAddress): Buffer {
  if (info.length > MAX_ADDRESS) throw new PayloadError('exit-prefix', 'the exit address is too long');
  const prefix = Buffer.alloc(START + info.length);
  prefix.writeUInt16BE(type);
  prefix.writeUInt16BE(info.length, 2);
  prefix.set(info, START);
  return prefix;
}

/** The address and the compressed message behind it. Throws PayloadError when the prefix is cut off. */
export function parseExitPrefix(message: Buffer): ExitAddress & { readonly compressed: Buffer } {
  const end = message.length < START ? Number.POSITIVE_INFINITY : START + message.readUInt16BE(2);
  if (end > message.length) throw new PayloadError('exit-prefix', 'the message ends within its exit address');
  return { type: message.readUInt16BE(), info: message.subarray(START, end), compressed: message.subarray(end) };
}
