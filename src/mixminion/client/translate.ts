// From the errors of the layers below to those of the API: one table, and the wrappers through which every public
// function goes, so that callers meet no other class.   spec: mixminion-client-api 1

import { codeOf, messageOf, PosternError } from '../../base/errors.ts';
import type { CryptoErrorCode } from '../../crypto/errors.ts';
import type { AddressErrorCode, DirectoryErrorCode, DownloadErrorCode, PathErrorCode } from '../directory/errors.ts';
import type { MmtpErrorCode } from '../mmtp/errors.ts';
import { type ParseError, PathTooLongError } from '../packet/errors.ts';
import { NeedMoreFragmentsError, OvercompressedError, type PayloadErrorCode } from '../payload/errors.ts';
import * as errors from './errors.ts';
import type { KeyRingErrorCode } from './keyring.ts';

/** Outcomes whose classes carry more than a message. */
type Detailed = 'path-too-long' | 'overcompressed' | 'need-more-fragments';

type LowerCode = Exclude<
  | ParseError['code']
  | CryptoErrorCode
  | PayloadErrorCode
  | DirectoryErrorCode
  | PathErrorCode
  | AddressErrorCode
  | DownloadErrorCode
  | MmtpErrorCode
  | KeyRingErrorCode,
  Detailed
>;

type PlainError = new (message: string, options?: errors.Mix3ErrorOptions) => errors.Mix3Error;

/** The codes of the layers are all different. What a caller passes is a bad argument; what came from elsewhere, bad format. */
const CLASSES: Readonly<Record<LowerCode, PlainError>> = {
  // packets
  'packet-length': errors.Mix3BadFormatError,
  'subheader-length': errors.Mix3BadFormatError,
  'hop-address': errors.Mix3BadFormatError,
  version: errors.Mix3BadFormatError,
  digest: errors.Mix3BadSignatureError,
  'routing-type': errors.Mix3BadArgsError,
  surb: errors.Mix3BadFormatError,
  armor: errors.Mix3BadFormatError,
  'too-long': errors.Mix3BadFormatError,
  argument: errors.Mix3BadArgsError,
  // primitives
  'bad-key': errors.Mix3BadFormatError,
  'key-too-large': errors.Mix3BadFormatError,
  'bad-padding': errors.Mix3BadFormatError,
  'bad-signature': errors.Mix3BadSignatureError,
  'data-too-long': errors.Mix3BadArgsError,
  'block-too-short': errors.Mix3BadArgsError,
  undecryptable: errors.Mix3UndecodableError,
  // payloads
  'payload-length': errors.Mix3BadFormatError,
  'payload-field': errors.Mix3BadFormatError,
  'payload-digest': errors.Mix3BadSignatureError,
  tag: errors.Mix3BadArgsError,
  compression: errors.Mix3BadFormatError,
  fragments: errors.Mix3BadFormatError,
  'exit-prefix': errors.Mix3BadFormatError,
  header: errors.Mix3BadArgsError,
  'key-size': errors.Mix3BadArgsError,
  'too-large': errors.Mix3BadArgsError,
  // directories, paths, addresses
  format: errors.Mix3BadFormatError,
  value: errors.Mix3BadFormatError,
  signature: errors.Mix3BadSignatureError,
  'path-spec': errors.Mix3BadArgsError,
  'unknown-server': errors.Mix3NotFoundError,
  'no-path': errors.Mix3NoPathError,
  address: errors.Mix3BadArgsError,
  'address-unsupported': errors.Mix3UnsupportedError,
  'download-too-large': errors.Mix3NoSpaceError,
  'download-timeout': errors.Mix3TimeoutError,
  'download-failed': errors.Mix3NetworkError,
  // links
  'mmtp-rejected': errors.Mix3RejectedError,
  'mmtp-auth': errors.Mix3BadAuthError,
  'mmtp-timeout': errors.Mix3TimeoutError,
  'mmtp-network': errors.Mix3NetworkError,
  'mmtp-closed': errors.Mix3ClosedError,
  'mmtp-protocol': errors.Mix3ClosedError,
  // key rings
  keyring: errors.Mix3BadFormatError,
  'keyring-obsolete': errors.Mix3UnsupportedError,
  passphrase: errors.Mix3BadPassphraseError,
  identity: errors.Mix3BadArgsError,
};

function isKnown(code: string): code is LowerCode {
  return Object.hasOwn(CLASSES, code);
}

/**
 * The error of the API for one of a layer below, which becomes its `cause`. A wrong type or range and a file that cannot
 * be used are bad arguments. What is none of these, for instance thrown by a caller's own function, stays as it is.
 */
export function asMix3Error(error: unknown): unknown {
  if (error instanceof errors.Mix3Error || !(error instanceof Error)) return error;
  const { message } = error;
  if (error instanceof PosternError) {
    const options = { remedy: error.remedy, cause: error };
    if (error instanceof PathTooLongError) return new errors.Mix3PathTooLongError(message, error.leg, options);
    if (error instanceof OvercompressedError)
      return new errors.Mix3OvercompressedError(message, error.compressed, options);
    if (error instanceof NeedMoreFragmentsError)
      return new errors.Mix3NeedMoreFragmentsError(error.have, error.need, options);
    if (isKnown(error.code)) return new CLASSES[error.code](message, options);
    return error;
  }
  if (codeOf(error) === 'ENOENT') return new errors.Mix3NotFoundError('there is no such file', { cause: error });
  if ('syscall' in error || error instanceof TypeError || error instanceof RangeError)
    return new errors.Mix3BadArgsError(messageOf(error), { cause: error });
  return error;
}

/** The result of `work`, whose errors, of a promise too, become those of the API. */
export function asApi<T>(work: () => T): T {
  try {
    const result = work();
    if (!(result instanceof Promise)) return result;
    return result.catch((error) => {
      throw asMix3Error(error);
    }) as T;
  } catch (error) {
    throw asMix3Error(error);
  }
}

/** The same function with the errors of the API. */
export function apiFunction<Args extends unknown[], T>(work: (...args: Args) => T): (...args: Args) => T {
  return (...args) => asApi(() => work(...args));
}

type Callable = new (...args: unknown[]) => object;

/** The same class, whose constructor and static functions throw the errors of the API. `instanceof` works as before. */
export function apiClass<T extends { readonly prototype: object }>(original: T): T {
  return new Proxy(original, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => asApi(() => Reflect.apply(member, target, args));
    },
    construct: (target, args, made): object =>
      asApi(() => Reflect.construct(target as unknown as Callable, args, made)),
  });
}
