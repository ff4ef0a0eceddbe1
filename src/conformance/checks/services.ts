import { type Check, expectSame, expectThat } from '../check.ts';
import type { World } from '../world.ts';
import { reads, SERVES } from './network.ts';
import { WAIT } from './pods.ts';

const check = (name: string, run: (world: World) => Promise<void>): Check => ({ area: 'services', name, run });

const inUrl = (address = ''): string => (address.includes(':') ? `[${address}]` : address);

/** Servers behind one label, all ready. */
async function servers(world: World, label: string, names: readonly string[]): Promise<void> {
  await Promise.all(names.map(name => world.ready(name, SERVES, {}, { labels: { check: label } })));
}

/** The script asks so often, one request a turn, and writes each answer in a line. */
const asks = (url: string, times: number): string =>
  `for i in $(seq ${times}); do timeout 5 wget -qO- ${url} || echo failed; done`;

/** Waits until all of them have answered, then no more than `turns`. */
const untilAll = (url: string, names: readonly string[]): string =>
  `i=0; until [ $(sort -u /tmp/seen 2>/dev/null | grep -c .) -ge ${names.length} ] || [ $i -gt 200 ]; do i=$((i+1)); timeout 5 wget -qO- ${url} >>/tmp/seen || sleep 0.2; done; sort -u /tmp/seen`;

export const SERVICE_CHECKS: readonly Check[] = [
  check('sends what goes to a service to each of its pods', async world => {
    const names = ['svc-many-1', 'svc-many-2', 'svc-many-3'];
    const [service] = await Promise.all([world.service('svc-many', {}), servers(world, 'svc-many', names)]);
    const url = `http://${inUrl(service.spec?.clusterIP)}/`;
    const text = await world.output('svc-many-client', { script: untilAll(url, names) });
    expectSame('who answered', text.trim().split('\n').join(' '), names.join(' '));
  }),

  check('sends nothing to a pod that is not ready', async world => {
    const service = await world.service('svc-unready', {});
    const labels = { labels: { check: 'svc-unready' } };
    await Promise.all([
      world.ready('svc-unready-good', SERVES, {}, labels),
      world.pod(
        'svc-unready-bad',
        { script: SERVES.script, readinessProbe: { exec: { command: ['false'] } } },
        {},
        labels,
      ),
    ]);
    await world.until('svc-unready-bad', 'to run', pod => pod?.status?.phase === 'Running');
    const url = `http://${inUrl(service.spec?.clusterIP)}/`;
    const text = await world.output('svc-unready-client', { script: `${reads(url)}; ${asks(url, 20)}` });
    expectSame('who answered', [...new Set(text.trim().split('\n'))].join(' '), 'svc-unready-good');
  }),

  check('forgets a pod that is deleted', async world => {
    const names = ['svc-gone-1', 'svc-gone-2'];
    const [service] = await Promise.all([world.service('svc-gone', {}), servers(world, 'svc-gone', names)]);
    const url = `http://${inUrl(service.spec?.clusterIP)}/`;
    await world.ready('svc-gone-client', { script: WAIT });
    const seen = await world.exec('svc-gone-client', ['sh', '-c', untilAll(url, names)]);
    expectSame('who answered before', seen.stdout.trim().split('\n').join(' '), names.join(' '));
    await world.remove('svc-gone-1');
    await world.until('svc-gone-1', 'to be gone', pod => pod === undefined);
    const calm = `good=0; i=0; while [ $good -lt 20 ] && [ $i -lt 300 ]; do i=$((i+1)); a=$(timeout 2 wget -qO- ${url}); if [ "$a" = svc-gone-2 ]; then good=$((good+1)); else good=0; sleep 0.1; fi; done; echo $good`;
    const after = await world.exec('svc-gone-client', ['sh', '-c', calm]);
    expectSame('requests in a row that the pod left over answered', after.stdout.trim(), '20');
  }),

  check('lets a pod reach itself through its service', async world => {
    const service = await world.service('svc-self', {});
    await world.ready('svc-self', SERVES);
    const url = `http://${inUrl(service.spec?.clusterIP)}/`;
    const { stdout } = await world.exec('svc-self', ['sh', '-c', reads(url)]);
    expectSame('who answered', stdout.trim(), 'svc-self');
  }),

  check('answers the node port of a service, from pods and from the node', async world => {
    const service = await world.service('svc-node', { type: 'NodePort' });
    await world.ready('svc-node', SERVES);
    const url = `http://${inUrl(world.nodeAddress)}:${service.spec?.ports?.[0]?.nodePort}/`;
    const [pod, node] = await Promise.all([
      world.output('svc-node-pod', { script: reads(url) }),
      world.output('svc-node-host', { script: reads(url) }, { hostNetwork: true }),
    ]);
    expectSame('who answered the pod', pod.trim(), 'svc-node');
    expectSame('who answered the node', node.trim(), 'svc-node');
  }),

  check('keeps a client with one pod where the service asks for that', async world => {
    const names = ['svc-sticky-1', 'svc-sticky-2', 'svc-sticky-3'];
    const [service] = await Promise.all([
      world.service('svc-sticky', { sessionAffinity: 'ClientIP' }),
      servers(world, 'svc-sticky', names),
    ]);
    const url = `http://${inUrl(service.spec?.clusterIP)}/`;
    const text = await world.output('svc-sticky-client', { script: `${reads(url)} >/dev/null; ${asks(url, 20)}` });
    const answered = new Set(text.trim().split('\n'));
    expectThat(answered.size === 1 && names.includes([...answered][0] ?? ''), 'the pods that answered', [...answered]);
  }),

  check('refuses at once what goes to a service without pods', async world => {
    const service = await world.service('svc-empty', {});
    const address = service.spec?.clusterIP ?? '';
    // until the rule is there a connection runs into its time limit
    const script = `i=0; until timeout 2 nc ${address} 80 </dev/null; [ $? != 143 ] || [ $i -gt 30 ]; do i=$((i+1)); done; timeout 5 wget -O- http://${inUrl(address)}/ 2>&1; echo code $?`;
    const text = await world.output('svc-empty-client', { script });
    expectThat(text.includes('refused'), 'what the client was told', text);
  }),

  check('takes a port of a pod by its name', async world => {
    const service = await world.service('svc-named', {
      ports: [{ name: 'http', port: 8000, targetPort: 'web' }] as never,
    });
    await world.ready('svc-named', { ...SERVES, ports: [{ name: 'web', containerPort: 8080 }] });
    const url = `http://${inUrl(service.spec?.clusterIP)}:8000/`;
    const text = await world.output('svc-named-client', { script: reads(url) });
    expectSame('who answered', text.trim(), 'svc-named');
  }),
];
