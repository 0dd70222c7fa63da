// What all conversations at the IMMP counter share of pushes, nodes and subscriptions.   spec: immp 2.10

import type { Room } from '../room.ts';
import { GoingOut } from './going-out.ts';
import { Nodes } from './nodes.ts';
import { Subscriptions } from './subscriptions.ts';

export class PushDesk {
  readonly nodes: Nodes;
  readonly subscriptions: Subscriptions;
  readonly out: GoingOut;

  constructor(room: Room) {
    this.nodes = new Nodes(room.post);
    this.subscriptions = new Subscriptions(room.post);
    this.out = new GoingOut(room, this.nodes);
  }
}
