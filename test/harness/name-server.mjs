// A name server on 127.0.0.9:53 that knows few names. Arguments: NAME=IPV4, or NAME=servfail; any other name is none.
import { createSocket } from 'node:dgram';

const QUESTION_AT = 12;
const NXDOMAIN = 3;
const SERVFAIL = 2;
const A = 1;
const names = new Map(process.argv.slice(2).map(word => word.split('=')));
const socket = createSocket('udp4');
socket.on('message', (query, { port, address }) => {
  const labels = [];
  let at = QUESTION_AT;
  while (query[at] > 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
    at += 1 + query[at];
  }
  const question = query.subarray(QUESTION_AT, at + 5);
  const known = names.get(labels.join('.').toLowerCase());
  const isTold = known !== undefined && known !== 'servfail' && query.readUInt16BE(at + 1) === A;
  const code = known === undefined ? NXDOMAIN : known === 'servfail' ? SERVFAIL : 0;
  const head = Buffer.from([query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, isTold ? 1 : 0, 0, 0, 0, 0]);
  // a pointer to the name of the question, type, class, 0 s, and four bytes
  const answer = isTold
    ? Buffer.from([0xc0, QUESTION_AT, 0, A, 0, 1, 0, 0, 0, 0, 0, 4, ...known.split('.').map(Number)])
    : Buffer.alloc(0);
  socket.send(Buffer.concat([head, question, answer]), port, address);
});
socket.bind(53, '127.0.0.9');
