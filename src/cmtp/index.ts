// The public face of CMTP, `postern/cmtp`: the client's side, from the wire up to sealed messages.

export { type DialOptions, dial, dialPlain } from '../net/dial.ts';
export { type Address, formatAddress, parseAddress } from './client/address.ts';
export type { Attachment } from './client/attachment.ts';
export type { Body } from './client/body.ts';
export { composeMessage, type Draft, type Sealing } from './client/compose.ts';
export { ClientError, type ClientErrorCode } from './client/errors.ts';
export { type KeyOf, type OpenMessage, openMessage } from './client/open-message.ts';
export { CmtpSession, type Dialect, type Outgoing, type Sent } from './client/session.ts';
export { deleteMessage, enrol, fetchMessage, type Listed, listMessages, prove, rotate } from './client/words.ts';
export { SealError, type SealFailure } from './crypto/errors.ts';
export { type KeyPair, keyPairOf, makeKeyPair, sign, verify } from './crypto/keys.ts';
export { openXzibit, sealXzibit } from './crypto/xzibit.ts';
export { WireError, type WireFailure } from './wire/errors.ts';
export { formatMessage, type Message, parseMessage } from './wire/message.ts';
