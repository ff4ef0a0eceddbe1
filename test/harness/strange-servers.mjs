// Servers that are no API server, or a strange one, each on a port of 127.0.0.1. Arguments: PEM file with certificate and key, then PORT=KIND…
import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp } from 'node:net';

const [pem, ...wanted] = process.argv.slice(2);
const tls = { cert: readFileSync(pem), key: readFileSync(pem) };
const HOUR = 3_600_000;
const configMap = JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata: {}, data: {} });
const json = (response, status, body, headers = {}) => {
  response.sendDate = headers.date === undefined;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body);
};
const clusterOf = kubelet =>
  createHttps(tls, ({ url }, response) => {
    if (url.endsWith('/configmaps/kubelet-config')) {
      json(response, 200, JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata: {}, data: { kubelet } }));
      return;
    }
    const code = url.startsWith('/api/v1/nodes/') ? 404 : 403;
    json(response, code, JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code }));
  });
const KINDS = {
  'plain-http': () => createHttp((_, response) => response.end('hello')),
  'web-site': () =>
    createHttps(tls, (_, response) => {
      response.writeHead(404, { 'content-type': 'text/html' });
      response.end('<html>not here</html>');
    }),
  'not-initialized': () =>
    createHttps(tls, (_, response) =>
      json(response, 404, JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 })),
    ),
  'closed-to-strangers': () =>
    createHttps(tls, (_, response) =>
      json(response, 403, JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 403 })),
    ),
  // all that a join asks before it writes anything
  'swap-allowed': () => clusterOf('failSwapOn: false'),
  'swap-refused': () => clusterOf('maxPods: 50'),
  'three-hours-ahead': () =>
    createHttps(tls, (_, response) =>
      json(response, 200, configMap, { date: new Date(Date.now() + 3 * HOUR).toUTCString() }),
    ),
  silent: () => createTcp(() => {}),
  'hangs-up': () => createTcp(socket => socket.destroy()),
};
let open = 0;
for (const word of wanted) {
  const [port, kind] = word.split('=');
  KINDS[kind]().listen(Number(port), '127.0.0.1', () => {
    open += 1;
    if (open === wanted.length) console.log('listening');
  });
}
