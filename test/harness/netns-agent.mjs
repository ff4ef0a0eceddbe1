// Runs inside a network namespace as a child of a test: serves and asks over sockets. One JSON command a line in, one answer a line out.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const servers = new Map();

/** Answers each connection or datagram with its name and the address that it sees. */
async function listen({ protocol, port, name }) {
  const reply = ip => `${name} ${ip.replace(/^::ffff:/, '')}`;
  if (protocol === 'tcp') {
    const server = createServer(socket => {
      socket.on('error', () => {});
      socket.end(reply(socket.remoteAddress));
    });
    await new Promise(resolve => server.listen({ port, host: '::' }, resolve));
    servers.set(`${protocol} ${port}`, () => server.close());
    return 'ok';
  }
  const socket = createSocket({ type: 'udp6' });
  socket.on('message', (_, { address, port: from }) => socket.send(reply(address), from, address));
  await new Promise(resolve => socket.bind(port, '::', resolve));
  servers.set(`${protocol} ${port}`, () => socket.close());
  return 'ok';
}

function close({ protocol, port }) {
  servers.get(`${protocol} ${port}`)?.();
  servers.delete(`${protocol} ${port}`);
  return 'ok';
}

/** Asks some times, each by a connection or socket of its own; the replies, or the codes of the errors. */
async function ask({ protocol, host, port, times = 1, timeoutMs = 1500, localPort }) {
  const answers = [];
  for (let i = 0; i < times; i += 1)
    answers.push(
      protocol === 'tcp' ? await askTcp(host, port, timeoutMs) : await askUdp(host, port, timeoutMs, localPort),
    );
  return answers;
}

function askTcp(host, port, timeoutMs) {
  return new Promise(resolve => {
    const socket = connect({ host, port });
    let text = '';
    socket.setTimeout(timeoutMs, () => {
      resolve('timeout');
      socket.destroy();
    });
    socket.on('data', piece => {
      text += piece;
    });
    socket.on('error', error => resolve(error.code));
    socket.on('close', () => resolve(text === '' ? 'closed' : text));
  });
}

function askUdp(host, port, timeoutMs, localPort) {
  return new Promise(resolve => {
    const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
    const end = answer => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end('timeout'), timeoutMs);
    socket.on('error', error => end(error.code));
    socket.on('message', message => end(String(message)));
    socket.bind(localPort ?? 0, () => socket.connect(port, host, () => socket.send('?')));
  });
}

let isFlooding = false;
let flooded = Promise.resolve({ asked: 0, failed: [] });

/** Asks again and again until `calm`. */
function flood(options) {
  isFlooding = true;
  flooded = (async () => {
    const result = { asked: 0, failed: [] };
    while (isFlooding) {
      const [answer] = await ask(options);
      result.asked += 1;
      if (!answer.includes(' ')) result.failed.push(answer);
      await sleep(1);
    }
    return result;
  })();
  return 'ok';
}

function calm() {
  isFlooding = false;
  return flooded;
}

const commands = { listen, close, ask, flood, calm };
for await (const line of createInterface({ input: process.stdin })) {
  const [name, options] = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await commands[name](options ?? {}))}\n`);
}
process.exit(0);
