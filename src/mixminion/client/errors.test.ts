// From the errors of the layers to those of the API.   spec: mixminion-client-api 1

import { expect, test } from 'vitest';
import { PosternError } from '../../base/errors.ts';
import { CryptoError } from '../../crypto/errors.ts';
import { RsaPublicKey } from '../../crypto/rsa.ts';
import { AddressError, DirectoryError, DownloadError, PathError } from '../directory/errors.ts';
import { MmtpError } from '../mmtp/errors.ts';
import { ContentError, ParseError, PathTooLongError } from '../packet/errors.ts';
import { NeedMoreFragmentsError, OvercompressedError, PayloadError } from '../payload/errors.ts';
import * as api from './index.ts';
import { KeyRingError } from './keyring.ts';
import { apiClass, apiFunction, asMix3Error } from './translate.ts';

test.each([
  [new ParseError('armor', 'x'), api.Mix3BadFormatError],
  [new ContentError('digest', 'x'), api.Mix3BadSignatureError],
  [new ContentError('argument', 'x'), api.Mix3BadArgsError],
  [new CryptoError('bad-key', 'x'), api.Mix3BadFormatError],
  [new CryptoError('undecryptable', 'x'), api.Mix3UndecodableError],
  [new PayloadError('payload-digest', 'x'), api.Mix3BadSignatureError],
  [new PayloadError('header', 'x'), api.Mix3BadArgsError],
  [new DirectoryError('signature', 'x'), api.Mix3BadSignatureError],
  [new PathError('no-path', 'x'), api.Mix3NoPathError],
  [new PathError('unknown-server', 'x'), api.Mix3NotFoundError],
  [new PathError('path-spec', 'x'), api.Mix3BadArgsError],
  [new AddressError('address-unsupported', 'x'), api.Mix3UnsupportedError],
  [new DownloadError('download-too-large', 'x'), api.Mix3NoSpaceError],
  [new DownloadError('download-timeout', 'x'), api.Mix3TimeoutError],
  [new DownloadError('download-failed', 'x'), api.Mix3NetworkError],
  [new MmtpError('mmtp-rejected', 'x'), api.Mix3RejectedError],
  [new MmtpError('mmtp-auth', 'x'), api.Mix3BadAuthError],
  [new MmtpError('mmtp-timeout', 'x'), api.Mix3TimeoutError],
  [new MmtpError('mmtp-network', 'x'), api.Mix3NetworkError],
  [new MmtpError('mmtp-protocol', 'x'), api.Mix3ClosedError],
  [new KeyRingError('passphrase', 'x'), api.Mix3BadPassphraseError],
  [new KeyRingError('keyring-obsolete', 'x'), api.Mix3UnsupportedError],
  [new RangeError('x'), api.Mix3BadArgsError],
  [new TypeError('x'), api.Mix3BadArgsError],
])('%o', (error, Class) => {
  const made = asMix3Error(error) as api.Mix3Error;
  expect(Object.getPrototypeOf(made)).toBe(Class.prototype);
  expect(made).toMatchObject({ message: 'x', cause: error });
  if (error instanceof MmtpError) expect(made.retriable).toBe(error.retriable);
});

test('what an error carries is carried on', () => {
  const remedy = 'do this';
  expect(asMix3Error(new DirectoryError('format', 'x', { remedy }))).toMatchObject({ remedy, status: 3 });
  expect(asMix3Error(new PathTooLongError(2))).toMatchObject({ leg: 2, status: 104 });
  expect(asMix3Error(new NeedMoreFragmentsError(1, 4))).toMatchObject({ have: 1, need: 4, status: 5 });
  const compressed = Buffer.from('x');
  expect(asMix3Error(new OvercompressedError(compressed, 7))).toMatchObject({ compressed, status: 101 });
  expect(asMix3Error(new PathError('no-path', 'no way'))).toMatchObject({ reason: 'no way' });
});

test("what is no layer's stays what it is", () => {
  for (const foreign of [new Error('x'), new PosternError('unheard-of', 'x'), 'x', undefined])
    expect(asMix3Error(foreign)).toBe(foreign);
  const own = new api.Mix3NoPathError('x');
  expect(asMix3Error(own)).toBe(own);
});

test('a wrapped function throws and rejects with errors of the API, and gives back what it gave', async () => {
  const error = new ParseError('armor', 'x');
  expect(() =>
    apiFunction(() => {
      throw error;
    })(),
  ).toThrow(api.Mix3BadFormatError);
  await expect(apiFunction(() => Promise.reject(error))()).rejects.toThrow(api.Mix3BadFormatError);
  expect(apiFunction((a: number, b: number) => a + b)(1, 2)).toBe(3);
  expect(await apiFunction(async () => 'done')()).toBe('done');
});

test('a wrapped class is that class, from its makers to its instances', async () => {
  const Key = apiClass(RsaPublicKey);
  expect(() => Key.fromDer(Buffer.from('x'))).toThrow(api.Mix3BadFormatError);
  const { publicKey } = await api.Mix3SecretKey.generate(1024);
  expect(publicKey).toBeInstanceOf(api.Mix3PublicKey);
  expect(api.Mix3PublicKey.fromDer(publicKey.toDer())).toBeInstanceOf(RsaPublicKey);
  expect(() => new api.PathSpec([{ type: 'swap' }])).toThrow(api.Mix3BadArgsError);
  const spec = new api.PathSpec([{ type: 'random', n: 3, approx: false }], 'surb');
  expect(spec).toBeInstanceOf(api.PathSpec);
  class Named extends api.PathSpec {
    readonly name = 'mine';
  }
  expect(new Named([{ type: 'random', n: 3, approx: false }])).toMatchObject({ name: 'mine', kind: 'forward' });
});

test('statuses are numbered as the draft counts, and each has words of its own', () => {
  const { OK, NOMEM, BADARGS, BADFORMAT, NOSPACE, NEED_MORE_FRAGMENTS, WANT_READ, WANT_WRITE, CLOSED } = api.Mix3Status;
  expect([OK, NOMEM, BADARGS, BADFORMAT, NOSPACE, NEED_MORE_FRAGMENTS, WANT_READ, WANT_WRITE, CLOSED]).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8,
  ]);
  const texts = Object.values(api.Mix3Status).map(api.statusString);
  expect(new Set(texts).size).toBe(texts.length);
});

// A slip in a call from plain JavaScript must meet an error of the API too.
test.each([
  ['Directory.parse', () => api.Directory.parse(undefined as unknown as string)],
  ['ServerDescriptor.parse', () => api.ServerDescriptor.parse(7 as unknown as string)],
  ['packageMessage', () => api.packageMessage({} as never)],
  ['generatePacket', () => api.generatePacket({} as never)],
  ['generatePath', () => api.generatePath({} as never)],
  ['decodePacket', () => api.decodePacket(undefined as never)],
  ['Surb.parse', () => api.Surb.parse(undefined as never)],
  ['Surb.generate', () => api.Surb.generate({} as never)],
])('%s with nothing to go by', (_, call) => expect(call).toThrow(api.Mix3Error));
