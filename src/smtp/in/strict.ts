// The library's SMTP server with one rule more: a command line ends in CR LF and nothing else (RFC 5321 2.3.8). What a front server
// takes for one line and we for two would let somebody smuggle commands past it.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { LineEnds } from '../header.ts';

export class StrictServer extends SMTPServer {
  override connect(socket: Socket | TLSSocket): void {
    const connection = new StrictConnection(this, socket);
    this.connections.add(connection);
    connection.on('error', (error: Error) => this.emit('error', error));
    connection.init();
  }

  /** Bids goodbye to whoever is not in the middle of a message. RFC 5321 3.8 */
  leave(): void {
    for (const connection of this.connections) {
      if (!connection.session.envelope?.mailFrom) connection.send(421, '4.3.2 Closing; come again later');
    }
  }
}

class StrictConnection extends SMTPConnection {
  override _createParser(): ReturnType<SMTPConnection['_createParser']> {
    const parser = super._createParser();
    const write = parser._write.bind(parser);
    let lines = new LineEnds();
    parser._write = (chunk, encoding, next) => {
      if (parser._dataMode) {
        lines = new LineEnds(); // the message is judged as a whole
        return write(chunk, encoding, next);
      }
      lines.see(chunk);
      if (lines.broken) return next(new Error('a line does not end in CR LF'));
      return write(chunk, encoding, next);
    };
    return parser;
  }
}
