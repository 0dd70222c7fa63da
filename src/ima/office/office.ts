// IMA inside an office: everything that its ports share, and the programs' work done in this process.   spec: ima 1.3, 2.12

import { basename, dirname, join } from 'node:path';
import { toHex } from '../../base/bytes.ts';
import { DAY } from '../../base/time.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { TlsIdentity } from '../../net/tls-identity.ts';
import type { House } from '../../post/counter.ts';
import type { Acceptance, AddressOwner, Arrival } from '../../post/local-delivery.ts';
import type { Post } from '../../post/post.ts';
import { ImaError } from '../errors.ts';
import type { Receiving } from '../imdp/receiving.ts';
import { sharedMailboxes } from '../imrp/reading.ts';
import { handleIncoming, isOurs, type Outcome, type Runner, type Seen } from '../incoming.ts';
import type { HeldLetter, Letter } from '../letter.ts';
import { Lists } from '../lists/manager.ts';
import { listsInStore } from '../lists/records.ts';
import { INBOX, makeFolder } from '../mailbox/layout.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { mailboxPath } from '../mailbox/place.ts';
import { roomOf } from '../mailbox/room.ts';
import { commandFor } from '../programs/command.ts';
import { readTable } from '../programs/handle-incoming-mail.ts';
import { runnerOf } from '../routing/builtins.ts';
import { RoutingTable } from '../routing/table.ts';
import { failureLines, type Sent, send } from '../sending/send.ts';
import type { ImaSettings } from '../settings.ts';
import { fromMail } from '../translate/from-mail.ts';
import { toMail } from '../translate/to-mail.ts';
import { loadCertificate, loadTrust } from '../trust/load.ts';
import type { Trust } from '../trust/peer.ts';
import { loadRoots, type Roots } from '../trust/roots.ts';
import { passwordFits, type User } from '../users/users.ts';
import { senderOf } from '../wire/message.ts';
import { hostOf, isAddress } from '../wire/names.ts';
import { Accounts, hostpartsOf, MAILBOXES } from './accounts.ts';
import { Mirror } from './mirror.ts';
import { openQueue, type SendingQueue } from './queue.ts';

const SEEN_TIME = 7 * DAY; // spec: ima 2.3
const SEEN = 'ima/seen';
const GATEWAY = 'smtp-gateway';

/** What the settings amount to; replaced as a whole when they change. */
export interface Standing {
  readonly settings: ImaSettings;
  readonly hostparts: readonly string[];
  readonly trust: Trust;
  /** What our ports show, and what we show to other servers. */
  readonly own: TlsIdentity;
  readonly table: RoutingTable;
  readonly authorities: Roots | undefined;
}

export class ImaOffice {
  readonly post: Post;
  readonly folder: string;
  readonly accounts: Accounts;
  readonly lists: Lists;
  readonly mirror: Mirror;
  readonly mailboxAt: (path: string) => Mailbox;
  readonly count: (outcome: string) => void;
  #standing: Standing;
  #queue: SendingQueue | undefined;
  readonly #stop = new AbortController();

  private constructor(house: Omit<House, 'identity'>, standing: Standing) {
    const { post, folder } = house;
    this.post = post;
    this.folder = folder;
    this.#standing = standing;
    this.accounts = new Accounts(post, join(folder, MAILBOXES), () => this.#standing.hostparts);
    this.lists = new Lists({
      records: listsInStore(post.store.documents),
      ...{ clock: post.clock, random: post.random },
      send: (letter, say) => this.handOver(letter, say),
    });
    this.mirror = new Mirror(post);
    this.mailboxAt = sharedMailboxes(post);
    const count = post.metrics.counter('postern_ima_total', 'What came of messages and commands of IMA', ['outcome']);
    this.count = (outcome) => count({ outcome });
  }

  static async open(house: House, settings: ImaSettings): Promise<ImaOffice> {
    const office = new ImaOffice(house, await stand(house, settings));
    office.#queue = await openQueue(
      house.post,
      house.folder,
      () => office.host,
      (letter, say) => office.#sendNow(letter, say),
    );
    office.#queue.start();
    office.mirror.follow(() => office.accounts.mailboxes(), office.#stop.signal);
    return office;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Our first domain. */
  get host(): string {
    return this.#standing.hostparts[0] ?? 'localhost';
  }

  async use(house: House, settings: ImaSettings): Promise<void> {
    this.#standing = await stand(house, settings);
  }

  async close(grace: number): Promise<void> {
    this.#stop.abort();
    await this.#queue?.close(grace);
    await this.mirror.idle();
  }

  /** The entries of the operator's file, then accounts and lists. */
  table(): RoutingTable {
    return this.#standing.table.withOtherwise(async (address) => {
      if ((await this.accounts.get(address)) !== undefined)
        return { words: ['builtin:give-recipient', `%m/${INBOX}`], bare: false };
      const list = await this.lists.taking(address);
      return list === undefined ? undefined : { words: ['builtin:list', list], bare: true };
    });
  }

  receiving(): Receiving {
    const { settings, hostparts, trust } = this.#standing;
    const received = settings['server-receive'];
    const external =
      received.handler === ''
        ? undefined
        : commandFor(received.handler, { clock: this.post.clock, signal: this.#stop.signal });
    return {
      ...{ trust, hostparts, clock: this.post.clock, host: this.host, folder: undefined },
      maxSize: received.max_size,
      refused: received.refused,
      count: this.count,
      handle: external ?? ((letter, sender, say) => this.handle(letter, sender, say)),
      ...(received.early_recipients ? { unknownHere: (addresses) => this.table().missing(addresses) } : {}),
    };
  }

  /** server-handle-incoming-mail. */
  handle(letter: Letter, sender: string | undefined, say: (line: string) => Promise<void>): Promise<Outcome> {
    const { settings, hostparts } = this.#standing;
    return handleIncoming({
      ...{ letter, sender, hostparts, say, seen: this.#seen(), run: this.#runner() },
      table: this.table(),
      lenient: settings['server-handle-incoming-mail'].lenient_recipients,
    });
  }

  /** server-send-mail; true when the message is delivered, or kept for a server that is away. Gives its exit status. */
  async send(letter: Letter, say: (line: string) => Promise<void>): Promise<Outcome> {
    const sent = await this.#sendNow(letter, say);
    if (sent.kind === 'sent') return sent.outcome;
    const { queue } = this.#standing.settings['server-send-mail'];
    if (queue && this.#queue && sent.failures.every(({ temporary }) => temporary)) {
      await this.#queue.push(letter, failureLines(sent.failures));
      await say('NOTE kept, to be tried again');
      return 0;
    }
    for (const line of failureLines(sent.failures)) await say(line);
    return 1;
  }

  /** Whatever users and lists send, to the program for it: our own, or what stands in its place. */
  async handOver(letter: Letter, say: (line: string) => Promise<void>): Promise<number | undefined> {
    const { handler } = this.#standing.settings.submission;
    if (handler === '') return this.send(letter, say);
    const { clock } = this.post;
    return commandFor(handler, { clock, signal: this.#stop.signal })(letter, undefined, say);
  }

  /** What a user hands in.   spec: ima 2.9 */
  async submit(user: User, letter: HeldLetter, say: (line: string) => Promise<void>): Promise<number | undefined> {
    const status = await this.handOver(letter, say);
    if (user.keepSent && status !== 1 && status !== undefined) {
      const mailbox = this.mailboxAt(user.mailbox);
      await mailbox.make();
      await mailbox.folder('sent').deliver(letter, { flags: ['seen'] });
      this.mirror.nudge(user.address, mailbox);
    }
    return status;
  }

  /** Ordinary mail for accounts and lists here.   spec: ima 2.13 */
  owner(): AddressOwner {
    return {
      name: 'ima',
      owns: async (address) =>
        isAddress(address) && this.#standing.hostparts.includes(hostOf(address)) && (await this.table().has(address)),
      deliver: (arrival) => this.#deliver(arrival),
      checkPassword: async (address, password) => {
        const user = await this.accounts.get(address);
        return (await passwordFits(password, user?.password)) && user !== undefined && user.auth === 'password';
      },
    };
  }

  async #deliver({ to, from, message, via, once }: Arrival): Promise<Acceptance> {
    const routes = await this.table().routes(to);
    if (routes === undefined) return 'unknown';
    const seen = this.#seen();
    if (once !== undefined && (await seen.has(once))) return 'duplicate';
    let outcome: Acceptance = 'stored';
    try {
      await using letter = await fromMail(
        { message, to, from, mailer: `${GATEWAY}@${this.host}`, judged: via === 'smtp' },
        this.post,
      );
      const run = this.#runner((error) => {
        outcome = error.code === 'full' ? 'full' : 'refused';
      });
      const stored = await Promise.all(routes.map((route) => run(route, letter, async () => {})));
      if (!stored.includes(true)) return outcome === 'stored' ? 'refused' : outcome;
    } catch (error) {
      if (error instanceof ImaError && error.code === 'refused') return 'refused';
      throw error;
    }
    if (once !== undefined) await seen.add(once);
    return 'stored';
  }

  #sendNow(letter: Letter, say: (line: string) => Promise<void>): Promise<Sent> {
    const { settings, hostparts, trust, own } = this.#standing;
    const { resolver, random, clock, outgoing } = this.post;
    // In nobody else's name: his domain would disown it.
    const mail = settings['server-send-mail'].ordinary_mail && outgoing.open && isOurs(letter.head.from, hostparts);
    return send({
      ...{ letter, trust, own, clock, hostparts, say },
      directions: { resolver, random, fixed: new Map(settings['server-send-mail'].static_hosts) },
      unknownHere: (addresses) => this.table().missing(addresses),
      deliverHere: (here, line) => this.handle(here, undefined, line),
      ...(mail ? { sendMail: (copy, addresses) => this.#sendMail(copy, addresses) } : {}),
    });
  }

  /** As a departure of its own for these; the same letter again, after a crash, is the same departure.   spec: ima 2.13 */
  async #sendMail(letter: Letter, addresses: readonly string[]): Promise<void> {
    const from = senderOf(letter.head);
    const once = `ima ${toHex(sha256(Buffer.from([from, letter.head.id, ...addresses].join('\n'))))}`;
    await this.post.outgoing.send({ from, to: addresses, message: await toMail(letter), once });
  }

  #runner(failed: (error: ImaError) => void = () => {}): Runner {
    const give = roomOf(this.#standing.settings['server-give-recipient']);
    const noting = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return await work();
      } catch (error) {
        if (error instanceof ImaError) failed(error);
        throw error;
      }
    };
    return runnerOf({
      clock: this.post.clock,
      signal: this.#stop.signal,
      mailboxOf: (address) => mailboxPath(join(this.folder, MAILBOXES), address),
      builtins: {
        'give-recipient': ({ args: [inbox = ''], address, letter }) =>
          noting(async () => {
            await makeFolder(inbox);
            const mailbox = this.mailboxAt(dirname(inbox));
            await mailbox.folder(basename(inbox)).deliver(letter, { room: give });
            this.mirror.nudge(address, mailbox);
            return true;
          }),
        list: ({ args: [name = ''], address, letter, line }) =>
          noting(() => this.lists.handle(name, address, letter, (text) => line(Buffer.from(text)))),
      },
    });
  }

  #seen(): Seen {
    const { store, clock } = this.post;
    return {
      has: (key) => store.seen.has(SEEN, key),
      add: async (key) => {
        await store.seen.add(SEEN, [key], clock.now() + SEEN_TIME);
      },
    };
  }
}

async function stand({ identity, hostname }: House, settings: ImaSettings): Promise<Standing> {
  const { cert, routing_table } = settings;
  const authorities = settings['server-post-office'].user_ca;
  return {
    settings,
    hostparts: hostpartsOf(settings, hostname),
    trust: await loadTrust(settings, settings['server-receive'].client_eku),
    own: cert === '' ? identity : await loadCertificate(settings),
    table: routing_table === '' ? new RoutingTable([]) : await readTable(routing_table),
    authorities: authorities.length === 0 ? undefined : await loadRoots({ extraCa: authorities, onlyExtraCa: true }),
  };
}
