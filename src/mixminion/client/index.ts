// The public face of `postern/mix3`: a client of Type III remailers, after the C draft "MIX3:ClientAPI". Nothing that is
// not named here is public. docs/mix3-api.md has the table of functions.

export { type Random, systemRandom } from '../../base/random.ts';
export { type Clock, systemClock, VirtualClock } from '../../base/time.ts';
export type { Address } from '../directory/address.ts';
export type { Capabilities, MessageTraits, ParseOptions, When } from '../directory/descriptor.ts';
export type { DescriptorFields, LinkRule } from '../directory/descriptor-fields.ts';
export type { DirectoryOptions, DirectoryServer, ServerFilter, Signer } from '../directory/directory.ts';
export type { RecommendedVersions, Voter } from '../directory/directory-contents.ts';
export type { DownloadOptions } from '../directory/download.ts';
export type { Path } from '../directory/path-choice.ts';
export type { PathComponent, PathElement, PathKind } from '../directory/path-spec.ts';
export { compareNicknames, isValidNickname } from '../directory/value-kinds.ts';
export type { MmtpOptions } from '../mmtp/client.ts';
export type { Hop } from '../mmtp/link.ts';
export type { HopAddress } from '../packet/routing.ts';
export type { AddResult, ReassemblyStorage } from '../payload/reassembly.ts';
export { memoryReassemblyStorage } from '../payload/reassembly-memory.ts';
export type { MessageState } from '../payload/reassembly-state.ts';
export type { ClientSettings } from './client-settings.ts';
export type { Draft, PathQuestion } from './compose.ts';
export { MmtpConnection } from './connection.ts';
export {
  assembleFragments,
  DecodedPacket,
  type DecodeOptions,
  decodeAll,
  decodePacket,
  type MessageReading,
  type TaggedPayload,
} from './decode.ts';
export { Directory, downloadDirectory, downloadDirectoryTo, ServerDescriptor } from './directory.ts';
export { DirectoryStore, type DirectoryStoreOptions } from './directory-store.ts';
export * from './errors.ts';
export { type FlushOptions, type FlushReport, type FlushState, flushFolder, type OutboxOptions } from './flushing.ts';
export { fragmentFolder } from './fragment-folder.ts';
export { FragmentPool, type FragmentPoolOptions, type PooledMessage } from './fragment-pool.ts';
export { Keyring, type KeyringOptions } from './identities.ts';
export { Mix3PublicKey, Mix3SecretKey } from './keys.ts';
export { Mix3Client, type Mix3ClientOptions } from './mix3-client.ts';
export {
  countPackets,
  type Headers,
  type MessageOptions,
  type PackageOptions,
  type Payload,
  packageMessage,
} from './package-message.ts';
export { generatePacket, Packet, type PacketOptions } from './packet.ts';
export { PacketQueue, type PacketQueueOptions, type QueuedPacket } from './packet-queue.ts';
export { generatePath, generatePaths, type PathOptions, PathSpec, parseAddress } from './paths.ts';
export * as primitives from './primitives.ts';
export type { Reading, ReadingOptions } from './reading.ts';
export { type SendOptions, sendPackets } from './sending.ts';
export { Mix3Status, statusString } from './status.ts';
export { Surb, type SurbOptions } from './surb.ts';
export { type SurbFlaw, SurbLog, type SurbLogStorage, type SurbMark } from './surb-log.ts';
export { fileSurbLog, memorySurbLog } from './surb-log-file.ts';
export type { MadeSurb, SurbWish } from './surb-making.ts';
export { SurbSecret } from './surb-secret.ts';
