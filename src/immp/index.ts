// The public face of IMMP, `postern/immp`: the client's side, from the wire up to mailboxes that are watched.

export { type DialOptions, dialPlain } from '../net/dial.ts';
export type { ScryptCost } from './auth/keys.ts';
export {
  deliver,
  type OutgoingMessage,
  type OutgoingPart,
  type Progress,
  type Said,
  type Sent,
} from './client/deliver.ts';
export { ClientError, type ClientErrorCode } from './client/errors.ts';
export type { Exchange, Item } from './client/exchange.ts';
export type { Greeting, Upgrade } from './client/greeting.ts';
export { type Credentials, type DerivedKey, logIn } from './client/log-in.ts';
export {
  changed,
  check,
  type Entry,
  type FetchedMessage,
  type FetchOptions,
  fetchMessages,
  fetchRaw,
  flag,
  index,
  type Page,
  type RawPiece,
  type WatchEvent,
  watch,
} from './client/mailbox.ts';
export {
  keyOf,
  type OutgoingPush,
  type Pushed,
  publish,
  push,
  type Subscription,
  subscribe,
  subscriptions,
  unsubscribe,
} from './client/push.ts';
export { type Block, ImmpSession, type Sending } from './client/session.ts';
export { WireError } from './wire/errors.ts';
export type { Command, CommandOf, Word } from './wire/forms.ts';
export {
  formatImid,
  formatImidUri,
  type Imid,
  type ImidUri,
  imid,
  type NodeName,
  node,
  readImidUri,
} from './wire/imid.ts';
export type { Reply } from './wire/reply.ts';
export { formatTarget, type Target, target } from './wire/target.ts';
