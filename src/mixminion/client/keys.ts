// RSA keys as the API names them. Their own operations (`encrypt`, `decrypt`, `sign`, `recover`) belong to the primitives
// and throw as those do.   spec: mixminion-client-api 2

import { RsaPrivateKey, RsaPublicKey } from '../../crypto/rsa.ts';
import { apiClass } from './translate.ts';

/** A recipient's or a server's key: `fromDer`, `toDer` (PKCS#1), `fingerprint`, `bits`. */
export const Mix3PublicKey = apiClass(RsaPublicKey);
export type Mix3PublicKey = RsaPublicKey;

/** The private half: `fromPem`, `fromDer`, `generate(bits)`, `publicKey`, `toPem`. */
export const Mix3SecretKey = apiClass(RsaPrivateKey);
export type Mix3SecretKey = RsaPrivateKey;
