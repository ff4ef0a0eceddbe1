import { type Check, expectSame, expectThat, NotHere } from '../check.ts';
import type { World } from '../world.ts';
import { reads, SERVES } from './network.ts';
import { WAIT } from './pods.ts';

const check = (name: string, run: (world: World) => Promise<void>): Check => ({ area: 'dns', name, run });

/** Asks until there is an answer, then writes all of it. */
const looksUp = (name: string, more = ''): string =>
  `i=0; until nslookup ${more} ${name} >/tmp/dns 2>&1 || [ $i -gt 100 ]; do i=$((i+1)); sleep 0.2; done; cat /tmp/dns`;

/** The zone of the cluster, as the resolver of pods has it. */
async function zone(world: World, pod: string): Promise<string> {
  const { stdout } = await world.exec(pod, ['cat', '/etc/resolv.conf']);
  const found = new RegExp(`\\s${world.namespace}\\.svc\\.(\\S+)`).exec(stdout)?.[1];
  expectThat(found !== undefined, 'the search list of /etc/resolv.conf', stdout);
  return found;
}

export const DNS_CHECKS: readonly Check[] = [
  check('resolves a service by its short name, with its namespace and in full', async world => {
    const service = await world.service('dns-names', {}, 'dns-server');
    await world.ready('dns-server', SERVES);
    const domain = await zone(world, 'dns-server');
    const names = ['dns-names', `dns-names.${world.namespace}`, `dns-names.${world.namespace}.svc.${domain}`];
    for (const name of names) {
      const { stdout } = await world.exec('dns-server', ['sh', '-c', reads(`http://${name}/`)]);
      expectSame(`who answered ${name}`, stdout.trim(), 'dns-server');
    }
    const { stdout } = await world.exec('dns-server', ['sh', '-c', looksUp(names[2] ?? '')]);
    expectThat(stdout.includes(service.spec?.clusterIP ?? '?'), 'the address of the service', stdout);
  }),

  check('resolves the API server', async world => {
    await world.ready('dns-api', { script: WAIT });
    const domain = await zone(world, 'dns-api');
    const { stdout } = await world.exec('dns-api', ['sh', '-c', looksUp(`kubernetes.default.svc.${domain}`)]);
    expectThat(/Address/.test(stdout.split('kubernetes.default')[1] ?? ''), 'the answer', stdout);
  }),

  check("answers at the address of the cluster's DNS service, by UDP", async world => {
    const { items } = await world.services.list('kube-system', { labelSelector: 'k8s-app=kube-dns' }, world.signal);
    const address = items[0]?.spec?.clusterIP;
    if (address === undefined) throw new NotHere('there is no service with k8s-app=kube-dns in kube-system');
    await world.ready('dns-service', { script: WAIT });
    const domain = await zone(world, 'dns-service');
    const script = looksUp(`kubernetes.default.svc.${domain} ${address}`);
    const { stdout } = await world.exec('dns-service', ['sh', '-c', script]);
    expectThat(/Address/.test(stdout.split('kubernetes.default')[1] ?? ''), 'the answer', stdout);
  }),

  check('resolves a headless service to the addresses of all its pods', async world => {
    await world.service('dns-headless', { clusterIP: 'None' });
    const labels = { labels: { check: 'dns-headless' } };
    const pods = await Promise.all(
      ['dns-headless-1', 'dns-headless-2'].map(name => world.ready(name, SERVES, {}, labels)),
    );
    const domain = await zone(world, 'dns-headless-1');
    const name = `dns-headless.${world.namespace}.svc.${domain}`;
    const addresses = pods.map(pod => pod.status?.podIP ?? '?');
    const all = addresses.map(address => `grep -q "${address}$" /tmp/dns`).join(' && ');
    const script = `i=0; until { nslookup ${name} >/tmp/dns 2>&1; ${all}; } || [ $i -gt 100 ]; do i=$((i+1)); sleep 0.2; done; cat /tmp/dns`;
    const { stdout } = await world.exec('dns-headless-1', ['sh', '-c', script]);
    for (const address of addresses)
      expectThat(stdout.includes(address), `the address ${address} in the answer`, stdout);
  }),

  check('resolves a pod by its host name and subdomain', async world => {
    await world.service('dns-sub', { clusterIP: 'None' }, 'dns-host');
    const pod = await world.ready('dns-host', SERVES, { hostname: 'first', subdomain: 'dns-sub' });
    const domain = await zone(world, 'dns-host');
    const name = `first.dns-sub.${world.namespace}.svc.${domain}`;
    const { stdout } = await world.exec('dns-host', ['sh', '-c', `hostname -f; ${looksUp(name)}`]);
    expectThat(stdout.startsWith(`${name}\n`), 'the full host name', stdout);
    expectThat(stdout.includes(pod.status?.podIP ?? '?'), 'the address', stdout);
  }),

  check('tells the port of a service by SRV', async world => {
    await world.service('dns-srv', {});
    await world.ready('dns-srv', SERVES);
    const domain = await zone(world, 'dns-srv');
    const name = `_http._tcp.dns-srv.${world.namespace}.svc.${domain}`;
    const { stdout } = await world.exec('dns-srv', ['sh', '-c', looksUp(name, '-type=srv')]);
    expectThat(/ 80 dns-srv\./.test(stdout), 'the answer', stdout);
  }),

  check('answers an ExternalName with the name that it stands for', async world => {
    await world.service('dns-external', { type: 'ExternalName', externalName: 'far.example' });
    await world.ready('dns-external', { script: WAIT });
    const domain = await zone(world, 'dns-external');
    const name = `dns-external.${world.namespace}.svc.${domain}`;
    const script = `i=0; until nslookup -type=cname ${name} >/tmp/dns 2>&1 && grep -q far.example /tmp/dns || [ $i -gt 100 ]; do i=$((i+1)); sleep 0.2; done; cat /tmp/dns`;
    const { stdout } = await world.exec('dns-external', ['sh', '-c', script]);
    expectThat(stdout.includes('far.example'), 'the answer', stdout);
  }),

  check('says of a name that is not there that it is not, at once', async world => {
    await world.ready('dns-none', { script: WAIT });
    const domain = await zone(world, 'dns-none');
    const script = `timeout 4 nslookup none.${world.namespace}.svc.${domain} 2>&1; echo code $?`;
    const { stdout } = await world.exec('dns-none', ['sh', '-c', script]);
    expectThat(/NXDOMAIN|can't find/.test(stdout) && !stdout.includes('code 143'), 'the answer', stdout);
  }),

  check('gives a pod the resolver that it names itself', async world => {
    const text = await world.output(
      'dns-own',
      { script: 'cat /etc/resolv.conf' },
      {
        dnsPolicy: 'None',
        dnsConfig: { nameservers: ['192.0.2.53'], searches: ['own.example'], options: [{ name: 'ndots', value: '2' }] },
      },
    );
    expectThat(
      /^nameserver 192\.0\.2\.53$/m.test(text) &&
        /^search own\.example$/m.test(text) &&
        /^options ndots:2$/m.test(text),
      'its /etc/resolv.conf',
      text,
    );
  }),
];
