// Runs in the network namespace of a node: asks each name server for a name every 20 ms until it answers with the address that is expected, and prints `server milliseconds-since-1970`.
import { createSocket } from 'node:dgram';

const [name, expected, ...servers] = process.argv.slice(2);
const EVERY_MS = 20;
const PATIENCE_MS = 1000;

/** A query of type A with one question. */
function query(id) {
  const labels = name.split('.').map(label => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([
    Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...labels,
    Buffer.from([0, 0, 1, 0, 1]),
  ]);
}

const address = Buffer.from(expected.split('.').map(Number));
/** NOERROR, and the last four bytes of the one answer are the address. */
const isAnswer = message => (message[3] & 15) === 0 && message[7] === 1 && message.subarray(-4).equals(address);

let open = servers.length;
for (const server of servers) {
  let id = 0;
  let isAnswered = false;
  const asking = setInterval(() => {
    id = (id + 1) & 0xffff;
    // a socket of its own, as resolvers do: the kernel remembers of a flow that no rule caught it
    const socket = createSocket('udp4');
    setTimeout(() => socket.close(), PATIENCE_MS);
    socket.on('error', () => {});
    socket.on('message', message => {
      if (isAnswered || !isAnswer(message)) return;
      isAnswered = true;
      clearInterval(asking);
      process.stdout.write(`${server} ${Date.now()}\n`);
      open -= 1;
      if (open === 0) process.exit(0);
    });
    socket.bind(() => {
      // what no rule of the node catches yet does not get further than the machine
      socket.setTTL(1);
      socket.send(query(id), 53, server, () => {});
    });
  }, EVERY_MS);
}
