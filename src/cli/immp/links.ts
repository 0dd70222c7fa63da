// `postern immp open`: what an impp: link asks for, done when the user agrees.   spec: immp 1.2, 2.10

import { readAddress } from '../../immp/client/home.ts';
import { accountName, canonicalNode, formatImid, type ImidUri, readImidUri } from '../../immp/wire/imid.ts';
import { agreed } from '../ask-person.ts';
import { UsageError, type YesOption } from '../command.ts';
import { facts, print } from '../output.ts';
import { accountOf, homeOf, type UserOptions } from './client.ts';
import { subscribe } from './nodes.ts';
import { read } from './reading.ts';
import { send } from './sending.ts';

export async function open(text: string, options: UserOptions & YesOption): Promise<void> {
  const uri = readUri(text);
  if (uri.uuid !== undefined && uri.options === undefined) return readLinked(uri, options);
  switch (uri.options?.toLowerCase()) {
    case 'subscribe':
      return subscribeTo(uri, options);
    case 'compose':
    case undefined:
      if (uri.node.path === undefined) return compose(uri, options);
      throw new UsageError(`${text} does not say what to do`, 'a link to a node ends in ?subscribe');
    default:
      throw new UsageError(`${text} asks for what IMMP does not have`, 'a link may ask to ?subscribe or to ?compose');
  }
}

function readUri(text: string): ImidUri {
  let uri: ImidUri | undefined;
  try {
    uri = readImidUri(text);
  } catch {
    uri = undefined;
  }
  if (uri === undefined) throw new UsageError(`${text} is no link of IMMP`, 'it looks like impp://alice@example.org');
  return uri;
}

async function subscribeTo({ node }: ImidUri, options: UserOptions & YesOption): Promise<void> {
  const { local, domain } = canonicalNode(node);
  const owner = local.split('/').slice(0, -1).join('/');
  if (owner === '') throw new UsageError(`${formatImid(node)} is no published node`);
  if (!options.json) {
    print(
      facts([
        ['publisher', formatImid({ local: owner, domain })],
        ['node', `${local}@${domain}`],
      ]),
    );
  }
  // A link may come from anybody.
  await agreed(`Subscribe to ${local}@${domain}?`, options.yes);
  await subscribe(formatImid(node), options);
}

async function compose({ node }: ImidUri, options: UserOptions & YesOption): Promise<void> {
  await agreed(`Write to ${formatImid(node)}?`, options.yes);
  await send([formatImid(node)], { ...options, attach: [], importance: 'normal' });
}

async function readLinked({ node, uuid }: ImidUri, options: UserOptions & YesOption): Promise<void> {
  const { path = 'inbox', ...imid } = node;
  const own = await accountOf(await homeOf(options), options);
  const mailbox =
    accountName(imid) === accountName(own.imid) ? {} : { mailbox: formatImid(readAddress(formatImid(imid))) };
  await read(uuid ?? '', { ...options, ...mailbox, folder: path });
}
