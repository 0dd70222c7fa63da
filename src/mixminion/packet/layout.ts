// The sizes of Type III packets and the names under which keys are derived from a hop's secret.

// spec: mixminion-packet 2, 3
export const PACKET_LENGTH = 32768;
export const HEADER_LENGTH = 2048;
export const PAYLOAD_LENGTH = PACKET_LENGTH - 2 * HEADER_LENGTH;
export const RSA_BLOCK = 256;
export const SECRET_LENGTH = 16;
export const TAG_LENGTH = 20;
export const DIGEST_LENGTH = 20;

/** Octets that every hop takes in a header besides its routing info: OAEP and the fixed part of the subheader. */
export const HOP_OVERHEAD = 84;

/** Mode strings for `subkey` and `lionessKeys`.   spec: mixminion-packet 1.3 */
export const Mode = {
  headerSecret: 'HEADER SECRET KEY',
  junk: 'RANDOM JUNK',
  header: 'HEADER ENCRYPT',
  payload: 'PAYLOAD ENCRYPT',
  hideHeader: 'HIDE HEADER',
  hidePayload: 'HIDE PAYLOAD',
  replay: 'REPLAY PREVENTION',
  application: 'APPLICATION KEY',
} as const;
