// SET GLOBAL: what holds for the account.   spec: immp 2.11

import { fromHex } from '../../base/bytes.ts';
import { MINUTE } from '../../base/time.ts';
import type { Account } from '../accounts.ts';
import { isFairCost } from '../auth/keys.ts';
import { Refusal } from '../codes.ts';
import { readKey } from '../federation/openpgp.ts';
import { armourOf, SHOWABLE } from '../mail/sealing.ts';
import { release } from '../push/arriving.ts';
import type { Answers } from '../session.ts';
import { imid } from '../wire/imid.ts';
import type { SettingWord } from '../wire/kind.ts';
import type { Handler } from './command.ts';

/** A new password may be set for so long after the old one was shown. */
const SECRET_TIME = 5 * MINUTE;
const MAX_LIST = 1000;
const MAX_TEXT = 3000;
const NAMES = ['TITLE', 'FORWARD', 'BLOCK', 'APPROVE', 'POSTERS', 'PUBKEY', 'SHOW', 'QUOTA', 'USED'] as const;
type Name = (typeof NAMES)[number];
type Change = NonNullable<SettingWord['change']>;

export const setGlobal: Handler<'SET GLOBAL'> = async ({ setting }, answers) => {
  if (setting === undefined) {
    const lines = await Promise.all(NAMES.map(async (name) => `${name}=${await shown(name, answers)}`));
    return answers.sendAll('260', lines);
  }
  if (setting.name === 'SECRET') return setSecret(setting, answers);
  const name = NAMES.find((each) => each === setting.name);
  if (name === undefined) throw new Refusal('404');
  if (setting.change) {
    const { change } = setting;
    if (name === 'PUBKEY') await refuseBadKey(change.value, answers);
    const { session, room } = answers;
    await room.accounts.change(session.account, (account) => changed(account, name, change));
    if (name === 'APPROVE') await release(room, session.account); // what waited for it   spec: immp 2.10
  }
  await answers.send('260', `${name}=${await shown(name, answers)}`);
};

async function shown(name: Name, { session, room }: Answers): Promise<string> {
  const account = await room.accounts.get(session.account);
  const mailbox = await room.accounts.mailbox(session.account);
  if (account === undefined || mailbox === undefined) throw new Refusal('404');
  switch (name) {
    case 'TITLE':
      return account.title;
    case 'FORWARD':
      return account.forward;
    case 'PUBKEY':
      return account.pubkey;
    case 'SHOW':
      return account.show.join(' ');
    case 'BLOCK':
      return account.block.join(' ');
    case 'APPROVE':
      return account.approve.join(' ');
    case 'POSTERS':
      return account.posters.join(' ');
    case 'QUOTA':
      return String(mailbox.quota.bytes);
    case 'USED':
      return String(mailbox.used.bytes);
  }
}

function changed(account: Account, name: Name, { how, value }: Change): Partial<Account> {
  if (name === 'QUOTA' || name === 'USED') throw new Refusal('403');
  if (name === 'BLOCK') return { block: changedList(account.block, how, value) };
  if (name === 'APPROVE') return { approve: changedList(account.approve, how, value) };
  if (name === 'POSTERS') return { posters: changedList(account.posters, how, value) };
  if (how !== '=' || Buffer.byteLength(value) > MAX_TEXT) throw new Refusal('406');
  if (name === 'SHOW') return { show: showable(value) };
  if (name === 'TITLE') return { title: value };
  if (name === 'PUBKEY') return { pubkey: value };
  if (value !== '' && imid.read(value) === undefined) throw new Refusal('406');
  return { forward: value };
}

/** A key that mail can be encrypted to, or none. Throws Refusal 406. */
async function refuseBadKey(value: string, { room }: Answers): Promise<void> {
  if (value === '') return;
  await readKey(armourOf(value), room.post.clock.now()).catch((cause) => {
    throw new Refusal('406', { cause });
  });
}

function showable(value: string): Account['show'] {
  return value
    .toLowerCase()
    .split(/[ ,]+/)
    .filter((word) => word !== '')
    .map((word) => {
      const found = SHOWABLE.find((each) => each === word);
      if (found === undefined) throw new Refusal('406');
      return found;
    });
}

function changedList(list: readonly string[], how: Change['how'], value: string): string[] {
  const entries = value.split(/[ ,]+/).filter((entry) => entry !== '');
  if (!entries.every((entry) => /^[^\s"]*@[^\s"]+$/.test(entry))) throw new Refusal('406');
  if (how === '=') return entries;
  const others = list.filter((entry) => !entries.includes(entry));
  if (how === '+=' && others.length + entries.length > MAX_LIST) throw new Refusal('406');
  return how === '+=' ? [...others, ...entries] : others;
}

/** `scrypt:<N>:<r>:<p>:<salt>:<h2>[:<h1>]`: the password itself is never sent. */
async function setSecret({ change }: SettingWord, answers: Answers): Promise<void> {
  const { room } = answers;
  const { peer } = answers.session;
  if (change === undefined || change.how !== '=') throw new Refusal('406');
  if (peer.state !== 'local' || room.post.clock.now() - peer.since > SECRET_TIME) throw new Refusal('403');
  const [kind, N, r, p, saltDigits = '', h2Digits = '', h1Digits] = change.value.split(':');
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const [salt, h2] = [fromHex(saltDigits), fromHex(h2Digits)];
  const h1 = h1Digits === undefined ? undefined : fromHex(h1Digits);
  const sized = salt?.length === 16 && h2?.length === 32 && (h1Digits === undefined || h1?.length === 32);
  if (kind !== 'scrypt' || !isFairCost(cost) || !sized || !salt || !h2) throw new Refusal('406');
  await room.secrets.setKeys(peer.account, { salt, cost, h2, h1 }, room.settings.auth);
  await answers.send('260', 'SECRET=');
}
