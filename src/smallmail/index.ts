// The public face of SmallMail, `postern/smallmail`: the client's side, from the line grammar up to sealed letters.

export { type DialOptions, dial } from '../net/dial.ts';
export { type Address, formatAddress, formatUri, parseAddress } from './client/address.ts';
export { type Challenged, signChallenge } from './client/challenge.ts';
export { type KeyPair, makeKeyPair, type OwnKey, openKeyPair } from './client/key-pair.ts';
export { type Draft, type Sealing, sealLetter } from './client/letter.ts';
export { type Letter, openLetter } from './client/open-letter.ts';
export {
  type ClientOptions,
  type ListedMessage,
  SmallMailClient,
  SmallMailError,
  type SmallMailFailure,
} from './client.ts';
export {
  type ClientLine,
  formatClientLine,
  formatServerLine,
  parseClientLine,
  parseServerLine,
  type ServerLine,
  WireError,
} from './wire.ts';
export { findWork, isWork } from './work.ts';
