// How input fails in Type III, in the three classes that implementations are compared by: ParseError and ContentError
// here, CryptoError beside the primitives. `code` is the finer reason, fit to label a counter of drops.

import { PosternError } from '../../base/errors.ts';

type PacketErrorCode =
  | 'packet-length' // not 32768 octets
  | 'subheader-length' // the RSA block opens to something shorter than a subheader
  | 'hop-address' // routing info that is no address of a next server
  | 'version' // a packet version other than 0.3
  | 'digest' // the header was changed on its way
  | 'routing-type' // a type below 0x0100 that nobody defined, or one out of place
  | 'surb' // a reply block that is malformed
  | 'armor' // text armor that is malformed, cut or unended
  | 'too-long' // more than a reader is willing to take
  | 'argument' // a build that was asked for what no packet can hold
  | 'path-too-long';

class PacketError extends PosternError<PacketErrorCode> {
  /** Set when the packet got far enough to count as seen: the node must remember it as it does that of a good one. */
  readonly replayHash: Buffer | undefined;

  constructor(code: PacketErrorCode, message: string, replayHash?: Buffer) {
    super(code, message);
    this.replayHash = replayHash;
  }
}

/** Malformed: a length, a magic, a field that no reader could take. */
export class ParseError extends PacketError {}

/** Well-formed and still unacceptable: a wrong version, a wrong digest, an unknown routing type. */
export class ContentError extends PacketError {}

/** Address and path do not fit into one header. */
export class PathTooLongError extends PacketError {
  /** 1 up to the crossover, 2 behind it or in a reply block. */
  readonly leg: 1 | 2;

  constructor(leg: 1 | 2) {
    super('path-too-long', `the hops and addresses of leg ${leg} do not fit into one header`);
    this.leg = leg;
  }
}
