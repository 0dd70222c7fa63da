// The published key, challenge and response.   spec: smallmail 4

export const VECTOR = {
  mailbox: '6A5A7A8A650F0C12961ED8F74278AF1D067C0E57',
  key: Buffer.from(
    `mDMEawJ6yxYJKwYBBAHaRw8BAQdAayjCCBryEzbbCkNnZSadDosr3jdVQX+kFKnG1IFNFbC0CXNt
YWxsbWFpbIiQBBMWCAA4FiEEalp6imUPDBKWHtj3QnivHQZ8DlcFAmsCessCGwMFCwkIBwIGFQoJ
CAsCBBYCAwECHgECF4AACgkQQnivHQZ8DlcgpgEAiDF2AqKEcxZfhxjHxC85Ves6fBaermwSH2CG
yYssdhkBAM4T28xsT7idtn3ds0AHIbVOuHDwkU6Datb0h/QNF30KuDgEawJ6yxIKKwYBBAGXVQEF
AQEHQJ7WFUoC6PJ0xvJ5VS+JjRcR2GUGZr5I2JwtNnCgO9BAAwEIB4h4BBgWCAAgFiEEalp6imUP
DBKWHtj3QnivHQZ8DlcFAmsCessCGwwACgkQQnivHQZ8DleoPgEAzh0N0l1l/ofe3/g9XMEiaF9x
/dszroEUEIQPQQ+HR3ABAKkos9XVMapWxsjHuxossLqk796hMuzfUctUCXPWD1gD`,
    'base64',
  ),
  challenge:
    'SM1.2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881.1763787600.00112233445566778899aabbccddeeff',
  response: Buffer.from(
    `iHUEABYIAB0WIQRqWnqKZQ8MEpYe2PdCeK8dBnwOVwUCawJ6zAAKCRBCeK8dBnwOV6mCAQDveHKh
Ib98KSZdPt/J1bsdBJzT7kwhRq8MJT2v1Nq5XQD/Qu+o2SYe3ZjWulzN7Pb1QMbUHI5ecCMb0es0
QHReeQk=`,
    'base64',
  ),
  /** When the response was signed. */
  signedAt: Date.UTC(2026, 10, 22),
} as const;
