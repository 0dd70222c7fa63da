// A CMTP counter on ports of its own, with everything real but the process around it.

import { connect, type Socket } from 'node:net';
import { cmtp } from '../../src/cmtp/counter.ts';
import { type CmtpSettings, settings as schema } from '../../src/cmtp/settings.ts';
import { makeSelfSigned, makeTlsKey } from '../../src/net/tls-identity.ts';
import type { Desk } from '../../src/post/control.ts';
import type { House, OpenCounter } from '../../src/post/counter.ts';
import { openTestPost, type TestPost } from './post.ts';

export interface TestCmtp extends AsyncDisposable {
  readonly post: TestPost;
  readonly house: House;
  readonly open: OpenCounter<CmtpSettings>;
  /** Of the listeners in the order plain, onion, TLS. */
  readonly ports: readonly number[];
  /** Asks what the operator asks. */
  ask(name: string, argument?: unknown): Promise<unknown>;
}

const HOSTNAME = 'post.example';

/** The same for all: it is slow to make. */
const identity = await makeSelfSigned(HOSTNAME, makeTlsKey(), Date.now());

export async function openTestCmtp(changes: Record<string, unknown> = {}): Promise<TestCmtp> {
  const post = await openTestPost();
  const any = ['127.0.0.1:0'];
  const settings = schema.parse({ listen: any, listen_onion: any, listen_tls: any, ...changes });
  const house: House = { post, identity, folder: post.folder, hostname: HOSTNAME };
  const open = await cmtp.open(house, settings);
  const desk: Desk<CmtpSettings> = { post, settings, folder: post.folder, hostname: HOSTNAME };
  return {
    post,
    house,
    open,
    ports: open.listening.map(({ at }) => at.port),
    async ask(name, argument = {}) {
      const control = cmtp.controls?.[name];
      if (control === undefined) throw new Error(`no such question: ${name}`);
      return control.run(desk, control.argument.parse(argument));
    },
    async [Symbol.asyncDispose]() {
      await open.close(1000);
      await post[Symbol.asyncDispose]();
    },
  };
}

/** A bare TCP client. */
export function tcpTo(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}
