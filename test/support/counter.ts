// A SmallMail counter on a port of its own, with everything real but the process around it.

import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { makeSelfSigned, makeTlsKey, type TlsIdentity } from '../../src/net/tls-identity.ts';
import type { OpenCounter } from '../../src/post/counter.ts';
import { smallmail } from '../../src/smallmail/counter.ts';
import { type SmallMailSettings, settings as schema } from '../../src/smallmail/settings.ts';
import { openTestPost, type TestPost } from './post.ts';

export interface TestCounter extends AsyncDisposable {
  readonly post: TestPost;
  readonly identity: TlsIdentity;
  readonly open: OpenCounter<SmallMailSettings>;
  readonly port: number;
}

export async function openTestCounter(changes: Record<string, unknown> = {}): Promise<TestCounter> {
  const post = await openTestPost();
  const identity = await makeSelfSigned('localhost', makeTlsKey(), Date.now());
  const settings = schema.parse({ listen: ['127.0.0.1:0'], ...changes });
  const open = await smallmail.open({ post, identity, folder: post.folder, hostname: 'localhost' }, settings);
  return {
    post,
    identity,
    open,
    port: open.listening[0]?.at.port ?? 0,
    async [Symbol.asyncDispose]() {
      await open.close(100);
      await post[Symbol.asyncDispose]();
    },
  };
}

/** A bare TLS client. */
export function tlsTo(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => resolve(socket));
    socket.once('error', reject);
  });
}
