// The layers below the API, as they are: what it takes to check every octet of an implementation against another, or to
// build a server. They throw the classes by which implementations are compared, not those of the API: ParseError,
// CryptoError, ContentError, PayloadError (OvercompressedError), DirectoryError, PathError, AddressError, MmtpError.
// docs/mix3-api.md says which of them answers to which vector.

export { pick, randomInt, shuffle } from '../../base/random.ts';
export { aesCtr, CounterRandom, keystream } from '../../crypto/aes-ctr.ts';
export { bearDecrypt, bearEncrypt } from '../../crypto/bear.ts';
export { CryptoError } from '../../crypto/errors.ts';
export { sha1, sha256 } from '../../crypto/hash.ts';
export {
  type LionessKeys,
  lionessDecrypt,
  lionessEncrypt,
  lionessKeys,
  subkey,
  unwhiten,
  whiten,
} from '../../crypto/lioness.ts';
export { OAEP_LABEL, OAEP_OVERHEAD, oaepPad, oaepUnpad } from '../../crypto/oaep.ts';
export { RsaPrivateKey, RsaPublicKey } from '../../crypto/rsa.ts';
export { type Exit, exitOf, parseAddress } from '../directory/address.ts';
export { cleanText, type Entry, parseSections, type Section, writeSections } from '../directory/config-format.ts';
export { computeConsensus } from '../directory/consensus.ts';
export { ServerDescriptor } from '../directory/descriptor.ts';
export type { DescriptorFields } from '../directory/descriptor-fields.ts';
export { Directory } from '../directory/directory.ts';
export { type DirectoryV2Fields, readDirectoryV2, writeDirectoryV2 } from '../directory/directory-v2.ts';
export {
  type DirectoryV3Fields,
  readDirectoryV3,
  signDirectoryInfo,
  writeDirectoryInfo,
  writeDirectoryV3,
} from '../directory/directory-v3.ts';
export { AddressError, DirectoryError, DownloadError, PathError } from '../directory/errors.ts';
export { nodeOf } from '../directory/path-choice.ts';
export { PathSpec } from '../directory/path-spec.ts';
export { adviseVersion, compareVersions } from '../directory/recommended-versions.ts';
export * as settingKinds from '../directory/setting-kinds.ts';
export * as valueKinds from '../directory/value-kinds.ts';
export {
  ANY_KEY_ID,
  checkLinkCertificates,
  type LinkCertificates,
  makeLinkCertificates,
} from '../mmtp/certificates.ts';
export { MmtpError } from '../mmtp/errors.ts';
export * as mmtpWire from '../mmtp/wire.ts';
export {
  type ArmorBlock,
  type ArmorName,
  readArmor,
  readBase64,
  readText,
  writeArmor,
  writeBase64,
  writeText,
} from '../packet/armor.ts';
export {
  buildForwardPacket,
  buildReplyPacket,
  type ForwardPacket,
  type PacketRandom,
  type ReplyPacket,
} from '../packet/build.ts';
export { ContentError, ParseError, PathTooLongError } from '../packet/errors.ts';
export { buildHeader, type HeaderHop } from '../packet/header.ts';
export { HEADER_LENGTH, Mode, PACKET_LENGTH, PAYLOAD_LENGTH } from '../packet/layout.ts';
export { instruct, type PathNode } from '../packet/path.ts';
export {
  type HopAddress,
  hasTag,
  type Instruction,
  isHostname,
  isMailbox,
  parseHopAddress,
  RoutingType,
  randomTag,
  relayTo,
  splitExitInfo,
} from '../packet/routing.ts';
export { parseSubheader, type Subheader, writeSubheader } from '../packet/subheader.ts';
export {
  armorSurb,
  createSurb,
  isReplyTag,
  parseArmoredSurbs,
  parseSurb,
  parseSurbs,
  replySecrets,
  type Surb,
  type SurbOrder,
  type SurbRandom,
  surbDigest,
  writeSurb,
} from '../packet/surb.ts';
export { type Delivered, type Dropped, type Relayed, unwrap } from '../packet/unwrap.ts';
export { assembleFragments, joinChunks, placeOf, recoverChunk } from '../payload/assemble.ts';
export { compress, decompress, isOvercompressed, reassembledLimit, singletonLimit } from '../payload/compress.ts';
export { type Decoded, decodePayload, type ReplySecret } from '../payload/decode.ts';
export { classifyPayload, classifyReassembled, type Delivery, deliveredMessage } from '../payload/delivery.ts';
export { countPackets, type EncodeOptions, encodeCompressed, encodeMessage } from '../payload/encode.ts';
export { openForward, type SealedPayload, sealForward } from '../payload/encrypted-forward.ts';
export { NeedMoreFragmentsError, OvercompressedError, PayloadError } from '../payload/errors.ts';
export { type Block, checkBlocks, recoverBlocks } from '../payload/fec.ts';
export { type Fragment, writeFragment } from '../payload/fragment.ts';
export { type FragmentPlan, planFragments } from '../payload/fragment-plan.ts';
export {
  type HeadedMessage,
  type MessageHeaders,
  parseHeaderBlock,
  writeHeaderBlock,
} from '../payload/header-block.ts';
export { type Payload, parsePayload, recognizePayload } from '../payload/payload.ts';
export { openReply } from '../payload/reply.ts';
export { type ExitAddress, parseExitPrefix, writeExitPrefix } from '../payload/server-fragment.ts';
export { type Singleton, writeSingleton } from '../payload/singleton.ts';
export type { Overhead } from '../payload/sizes.ts';
export { type AnonymousMessage, readMessages, writeMessage } from '../payload/text.ts';
export { type KeyRing, openKeyRing, sealKeyRing } from './keyring.ts';
