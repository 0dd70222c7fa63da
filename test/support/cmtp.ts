// Reads the CMTP test vectors from test/fixtures/cmtp (see the README there), and their shapes.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export { hex } from './vectors.ts';

const folder = join(import.meta.dirname, '..', 'fixtures', 'cmtp');

/** The parsed file `NAME.json`; its shape is not checked, as a wrong one fails the test that uses it. */
export function cmtpVectors<Shape>(name: string): Shape {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Shape;
}

interface PairVector {
  readonly ed25519_public: string;
  readonly ed25519_secret64: string;
  readonly x25519_public: string;
  readonly x25519_secret: string;
}

interface UserVector extends PairVector {
  readonly passphrase_utf8: string;
  readonly xzibit: {
    readonly bytes: string;
    readonly salt: string;
    readonly ciphertext: string;
    readonly derived_key: string;
    readonly nonce8: string;
    readonly plaintext_pk_then_sk: string;
  };
}

export interface KeyVectors {
  readonly domain: string;
  readonly server: PairVector;
  readonly users: { readonly alice: UserVector; readonly bob: UserVector };
}

export interface MessageVectors {
  readonly mailbox_file_name_example: string;
  readonly messages: readonly {
    readonly name: string;
    readonly message: string;
    readonly version: number;
    readonly dest_account: string;
    readonly dest_domain: string;
    readonly source_account: string;
    readonly source_domain: string;
    readonly header_bytes: number;
    readonly log: string;
    readonly body: string;
    readonly sealed?: { readonly plaintext: string };
  }[];
}

export interface InnerVectors {
  readonly messages: readonly {
    readonly name: string;
    readonly timestamp: number;
    readonly subject: string;
    readonly reply_to: string;
    readonly carbon_copies: readonly string[];
    readonly text: string;
    readonly inner_plaintext: string;
    readonly ephemeral_secret: string;
    readonly sealed_body: string;
    readonly attachments: readonly {
      readonly file_name: string;
      readonly data: string;
      readonly plaintext: string;
      readonly ephemeral_secret: string;
      readonly sealed: string;
    }[];
    readonly message: string;
  }[];
}

export interface ReplyVectors {
  readonly replies: readonly { readonly name: string; readonly hex: string }[];
  readonly signatures_accepted_by_clients: Readonly<
    Record<string, { readonly sig_over_text: string; readonly sig_over_text_and_NUL: string }>
  >;
}

export interface TranscriptVectors {
  readonly domain: string;
  readonly transcripts: readonly {
    readonly name: string;
    readonly greeting: string;
    readonly exchanges: readonly {
      readonly send: string;
      readonly reply: string;
      readonly closed_by_server?: boolean;
    }[];
  }[];
}

export interface SessionVectors {
  readonly turns: readonly { readonly from: 'server' | 'client'; readonly hex?: string; readonly eof?: boolean }[];
}
