// The command table. A word without an entry is answered with 400.   spec: immp 1.6

import type { Word } from '../wire/forms.ts';
import { response, secret } from './auth.ts';
import { cookie, verify } from './auth-cookie.ts';
import type { Handler } from './command.ts';
import { noop, quit, upgrade } from './connection.ts';
import { data } from './data.ts';
import { deliver } from './deliver.ts';
import { done, reset } from './done.ts';
import { keyNext } from './key-next.ts';
import { keyRequest } from './key-request.ts';
import { copy, flag, move, remove } from './mbox-change.ts';
import { check } from './mbox-check.ts';
import { fetch } from './mbox-fetch.ts';
import { createFolder, removeFolder } from './mbox-folders.ts';
import { index } from './mbox-index.ts';
import { storeDraft } from './mbox-store.ts';
import { unwatch, watch } from './mbox-watch.ts';
import { publishNode, publishRemove, publishTo } from './publish.ts';
import { push } from './push.ts';
import { set } from './set.ts';
import { setGlobal } from './set-global.ts';
import { subscribeList, subscribeTo, unsubscribe } from './subscribe.ts';

export type { Handler } from './command.ts';

export const commands: { readonly [W in Word]?: Handler<W> } = {
  UPGRADE: upgrade,
  NOOP: noop,
  QUIT: quit,
  'AUTH COOKIE': cookie,
  'AUTH VERIFY': verify,
  'AUTH SECRET': secret,
  'AUTH RESPONSE': response,
  DELIVER: deliver,
  DATA: data,
  DONE: done,
  RESET: reset,
  'MBOX CHECK': check,
  'MBOX INDEX': index,
  'MBOX FETCH': fetch,
  'MBOX FLAG': flag,
  'MBOX MOVE': move,
  'MBOX COPY': copy,
  'MBOX DELETE': remove,
  'MBOX CREATE': createFolder,
  'MBOX REMOVE': removeFolder,
  'MBOX STORE': storeDraft,
  'MBOX WATCH': watch,
  'MBOX UNWATCH': unwatch,
  'KEY REQUEST': keyRequest,
  'KEY NEXT': keyNext,
  PUSH: push,
  'PUBLISH TO': publishTo,
  'PUBLISH NODE': publishNode,
  'PUBLISH REMOVE': publishRemove,
  'SUBSCRIBE TO': subscribeTo,
  'SUBSCRIBE LIST': subscribeList,
  UNSUBSCRIBE: unsubscribe,
  SET: set,
  'SET GLOBAL': setGlobal,
};
