// What a peer hears instead of yes. The three figures at the front of the words are RFC 3463's.

export class Refusal extends Error {
  readonly responseCode: number;

  constructor(responseCode: number, words: string) {
    super(words);
    this.responseCode = responseCode;
  }
}

export const REFUSED = {
  stranger: () => new Refusal(530, '5.7.0 Log in first, over TLS'),
  sender: () => new Refusal(553, '5.1.7 That is no address'),
  utf8: () => new Refusal(550, '5.6.7 Addresses and headers beyond ASCII (SMTPUTF8) are not taken here'), // RFC 6531 3.5
  otherSender: () => new Refusal(553, '5.7.1 Send from the address that you logged in with'),
  address: () => new Refusal(553, '5.1.3 That is no address'),
  unknown: () => new Refusal(550, '5.1.1 There is no such address here'),
  elsewhere: () => new Refusal(550, '5.7.1 That address is not here, and mail is not passed on'),
  suppressed: () => new Refusal(550, '5.7.1 The owner of that address wants no mail from here'),
  tooOften: () => new Refusal(450, '4.7.1 Too much mail at once; try again later'),
  tooManyGuesses: () => new Refusal(421, '4.7.1 Too many unknown recipients'),
  password: () => new Refusal(535, '5.7.8 That is not the name and the password'),
  tooManyPasswords: () => new Refusal(454, '4.7.0 Too many attempts; try again later'),
  lineEnds: () => new Refusal(554, '5.6.0 A line of the message does not end in CR LF'),
  tooLong: (limit: number) => new Refusal(552, `5.3.4 The message is longer than ${limit} octets`),
  header: () => new Refusal(554, '5.6.0 The header is too long'),
  circles: () => new Refusal(554, '5.4.6 The message has gone through too many servers'),
  dmarc: () => new Refusal(550, '5.7.1 The domain in From asks to reject what is not from there (DMARC)'),
  otherFrom: () => new Refusal(550, '5.7.1 From must be the address that you logged in with, and nothing else'),
  full: () => new Refusal(452, '4.2.2 The mailbox is full now'), // spec: mixminion-nym 4.1: room may be made
  tooLarge: () => new Refusal(552, '5.3.4 The message is larger than what is taken for that address'),
  notWanted: () => new Refusal(550, '5.7.1 The owner of that address does not take this message'),
  queueFull: () => new Refusal(452, '4.3.1 There is no room for it now'),
  trouble: () => new Refusal(451, '4.3.0 Something does not work here; try again later'),
} as const;
