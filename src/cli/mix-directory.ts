// `postern directory`: what the operator of a Type III directory server sees and decides.

import type { Command } from 'commander';
import type { ListedServer } from '../mixminion/authority/controls.ts';
import type { Vote } from '../mixminion/authority/votes.ts';
import { askOffice } from './ask-office.ts';
import { makeCommand, type OfficeOptions, officeCommand, withDataOption, withJsonOption } from './command.ts';
import { facts, print, printJson, table } from './output.ts';

type Options = OfficeOptions;

interface Status {
  readonly fingerprint: string;
  readonly day: string | null;
  readonly pending: number;
  readonly voters: readonly {
    readonly fingerprint: string;
    readonly url: string;
    readonly vote?: string;
    readonly signature?: string;
  }[];
}

const DECISIONS: readonly (readonly [name: string, vote: Vote, about: string])[] = [
  ['approve', 'yes', 'List a remailer in the directory, and recommend it.'],
  ['abstain', 'abstain', 'List a remailer without recommending it.'],
  ['refuse', 'no', 'Keep a remailer out of the directory; it is told so.'],
  ['ignore', 'ignore', 'Keep a remailer out of the directory without a word to it.'],
];

export function directoryCommand(): Command {
  const about = 'Run a Type III directory server: who is listed, who waits, how the day goes.';
  const group = makeCommand('directory', about, ['postern directory pending', 'postern directory approve Alice']);
  const shown = [
    ['pending', 'Show the remailers that wait for a decision.', (one: ListedServer) => one.standing === 'pending'],
    ['list', 'Show all remailers that are known here.', () => true],
  ] as const;
  for (const [name, what, which] of shown) {
    const command = makeCommand(name, what, [`postern directory ${name}`]);
    group.addCommand(withJsonOption(withDataOption(command)).action((options: Options) => list(which, options)));
  }
  for (const [name, vote, what] of DECISIONS) {
    group.addCommand(
      officeCommand(name, what, `postern directory ${name} Alice`)
        .argument('<remailer>', 'its nickname, or the fingerprint of its identity key')
        .action((server: string, options: Options) => decide(vote, server, options)),
    );
  }
  const status = makeCommand(
    'status',
    'Show how the directory of the day and the voting stand (the office must run).',
    ['postern directory status'],
  );
  group.addCommand(withJsonOption(withDataOption(status)).action(showStatus));
  const renew =
    'Make the directory of today anew, out of what is approved now (the office must run, and nobody else vote).';
  group.addCommand(officeCommand('renew', renew, 'postern directory renew').action(renewToday));
  return group;
}

async function list(which: (server: ListedServer) => boolean, { data, json }: Options): Promise<void> {
  const servers = ((await askOffice(data, 'directory', 'list', null)) as ListedServer[]).filter(which);
  if (json) return printJson(servers);
  if (servers.length === 0) return print('There are none.');
  const rows = servers.map((one) => [one.nickname, one.standing, one.until, one.at, one.contact, one.fingerprint]);
  print(table(['REMAILER', 'STANDING', 'UNTIL', 'AT', 'CONTACT', 'FINGERPRINT'], rows));
}

async function decide(vote: Vote, server: string, { data, json }: Options): Promise<void> {
  const done = (await askOffice(data, 'directory', 'vote', { vote, server })) as {
    nickname: string;
    fingerprint: string;
  };
  if (json) return printJson({ vote, ...done });
  print(`Your vote on ${done.nickname} (${done.fingerprint}) is now "${vote}"; it counts from the next directory on.`);
}

async function showStatus({ data, json }: Options): Promise<void> {
  const status = (await askOffice(data, 'directory', 'status', null)) as Status;
  if (json) return printJson(status);
  print(
    facts([
      ['fingerprint', status.fingerprint],
      ['directory of', status.day ?? 'no day yet'],
      ['waiting', `${status.pending} remailers`],
    ]),
  );
  if (status.voters.length < 2) return;
  const rows = status.voters.map(({ fingerprint, url, vote, signature }) => {
    const own = fingerprint === status.fingerprint;
    return [url, own ? 'own' : (vote ?? ''), own ? 'own' : (signature ?? ''), fingerprint];
  });
  print(`\n${table(['VOTER', 'VOTE', 'SIGNATURE', 'FINGERPRINT'], rows)}`);
}

async function renewToday({ data, json }: Options): Promise<void> {
  const done = await askOffice(data, 'directory', 'now', null);
  if (json) return printJson({ renewed: done === true });
  print(
    done === true ? 'The directory of today is made anew.' : 'Others vote here too: a day is made once, at midnight.',
  );
}
