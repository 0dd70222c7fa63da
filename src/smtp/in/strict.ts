// The library's SMTP server with two rules more. A command line ends in CR LF and nothing else (RFC 5321 2.3.8): what a front server takes
// for one line and we for two would let somebody smuggle commands past it. And the replies to commands that came together leave
// together (RFC 2920 3.2), in one packet.

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
      if (!severalCommands(chunk)) return write(chunk, encoding, next);
      const socket = this._socket;
      socket.cork();
      return write(chunk, encoding, (error) => {
        socket.uncork();
        next(error);
      });
    };
    return parser;
  }

  /** Whoever asks much and reads nothing has to read first; what is held back goes to him now. */
  override _whenWritable(next: () => void): void {
    const { _socket: socket } = this;
    while (socket.writableNeedDrain && socket.writableCorked > 0) socket.uncork();
    super._whenWritable(next);
  }
}

/** More than one line, and none of them STARTTLS, whose answer cannot wait: nothing may come after it. RFC 3207 4.1 */
function severalCommands(chunk: Buffer): boolean {
  const first = chunk.indexOf(LF);
  return first >= 0 && first < chunk.length - 1 && !/STARTTLS/i.test(chunk.toString('latin1'));
}

const LF = 0x0a;
