// MBOX FETCH: messages as JSON, as MIME, or one part of one as it is.   spec: immp 2.9

import type { Message } from '../../store/messages.ts';
import { idOf } from '../accounts.ts';
import { Refusal } from '../codes.ts';
import { mimeOf } from '../mail/mime.ts';
import { jsonOf, type Opened, openMessage } from '../mail/opened.ts';
import type { Answers } from '../session.ts';
import type { CommandOf } from '../wire/forms.ts';
import { frame } from '../wire/texts.ts';
import type { Handler } from './command.ts';
import { Download } from './download.ts';
import { select } from './selection.ts';
import { onlySwitches } from './switches.ts';

type Fetch = CommandOf<'MBOX FETCH'>;

export const fetch: Handler<'MBOX FETCH'> = async (command, answers) => {
  onlySwitches(command.switches, ['+JSON', '+PRETTY', '+READ', '-READ', '+HEADERS']);
  const selection = await select(answers.session, command.target);
  if (command.part !== undefined && !selection.single) throw new Refusal('406');
  const box = idOf(selection.mailbox);
  const messages = opened(selection.messages(), box, command, answers);
  if (command.switches.includes('+JSON')) await sendJson(messages, command, answers);
  else await sendRaw(messages, command, answers);
};

/** Each message that is still there. It is marked as read when it has been sent.   spec: immp 2.9 */
async function* opened(messages: AsyncIterable<Message>, box: string, { switches }: Fetch, { room }: Answers) {
  const { messages: store } = room.post.store;
  for await (const message of messages) {
    const found = await openMessage(store, box, message);
    if (found === undefined) continue;
    yield found;
    const mark = !switches.includes('-READ') && !message.flags.includes('read');
    if (mark) await store.flag(box, message.id, { add: ['read'] });
  }
}

async function sendJson(messages: AsyncIterable<Opened>, { switches, part }: Fetch, answers: Answers): Promise<void> {
  const inline = switches.includes('+HEADERS') ? 0 : answers.session.settings.inline;
  let first = true;
  for await (const message of messages) {
    const { head } = message;
    const shown = part === undefined ? head : { ...head, parts: [partNamed(message, part)] };
    const json = await jsonOf({ ...message, head: shown }, inline);
    if (switches.includes('+PRETTY')) {
      const lines = JSON.stringify(json, null, 2).split('\n');
      const written = [...(first ? [] : ['']), ...lines].map((line) => answers.line('250', line, true));
      await answers.session.connection.write(written.join(''));
    } else {
      await answers.send('250', JSON.stringify(json), true);
    }
    first = false;
  }
  await answers.send('250', '');
}

async function sendRaw(messages: AsyncIterable<Opened>, { part, switches }: Fetch, answers: Answers): Promise<void> {
  const download = new Download(answers, answers.session.settings.compression === 'GZIP');
  for await (const message of messages) {
    const { head, octets } = message;
    if (part === undefined) {
      await answers.send('251', frame.uuid(head.envelope.uuid), true);
      const nothing = async function* () {};
      await download.send(mimeOf(head, switches.includes('+HEADERS') ? nothing : octets));
    } else {
      await download.send(octets(partNamed(message, part)));
    }
  }
  await download.end();
}

/** By its id, or by its name. Throws Refusal 404. */
function partNamed({ head }: Opened, wanted: string) {
  const found = head.parts.find(({ id }) => id === wanted) ?? head.parts.find(({ name }) => name === wanted);
  if (found === undefined) throw new Refusal('404');
  return found;
}
