import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readIssuer } from '../../src/bootstrap/certificates/certificates.ts';
import { issueLeaf } from '../../src/bootstrap/certificates/issue.ts';
import { EtcdClient } from '../../src/etcd/client.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import type { Service } from '../../src/local-cluster/host/supervise.ts';
import { generateKey, privateKeyPem } from '../../src/pki/keys.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { put, run } from '../harness/host.ts';
import { LINKED_ADDRESSES, linkedMachines } from '../harness/linked-machines.ts';
import { relayTo } from '../harness/relay.ts';
import { INIT, RESET, SLOW } from '../harness/reset-machine.ts';
import { waitFor } from '../harness/wait-for.ts';

const [FIRST, SECOND] = LINKED_ADDRESSES;
const PKI = '/etc/kubernetes/pki';
/** Of the member that an admin has added by hand. */
const PLACE = '/opt/second';
const HOUR = 3_600_000;

// each step stands on the machines that the one before left
describe('the reset of a machine whose etcd has another member elsewhere', () => {
  let first: Host;
  let second: Host;
  let member: Service;
  const closing: (() => void)[] = [];
  beforeAll(async () => {
    [first, second] = await linkedMachines();
  });
  afterAll(async () => {
    for (const close of closing) close();
    await Promise.all([first, second].map(host => host?.delete()));
  });

  /** A client of the member at an address, by way of the second machine. */
  async function clientOf(address: string): Promise<EtcdClient> {
    const name = `etcd-relay-${address.replaceAll('.', '-')}`;
    const socket = `/run/${name}.sock`;
    await second.supervise(name, ['socat', `UNIX-LISTEN:${socket},fork,unlink-early`, `TCP:${address}:2379`]);
    const relay = await relayTo(second.path(socket));
    const pem = (name: string): Buffer => readFileSync(second.path(`${PLACE}/${name}`));
    const client = new EtcdClient({
      endpoints: [`https://127.0.0.1:${(relay.address() as AddressInfo).port}`],
      tls: { ca: pem('ca.crt'), cert: pem('pair.crt'), key: pem('pair.key') },
    });
    closing.push(
      () => client.close(),
      () => relay.close(),
    );
    return client;
  }

  /** Starts a second member of the first machine's etcd on the second machine, as an admin does by hand, and waits until it has caught up. */
  async function addMember(): Promise<EtcdClient> {
    const issuer = readIssuer(first.path(PKI), 'etcd/ca');
    const key = generateKey();
    const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', SECOND] };
    const spec = { subject: { commonName: 'second', organizations: [] }, publicKey: key, names };
    put(second, `${PLACE}/ca.crt`, issuer.certificate.toString());
    put(
      second,
      `${PLACE}/pair.crt`,
      issueLeaf({ ...spec, usages: ['serverAuth', 'clientAuth'] }, issuer, Date.now(), HOUR),
    );
    put(second, `${PLACE}/pair.key`, privateKeyPem(key));
    const peer = `https://${SECOND}:2380`;
    const founder = await clientOf(FIRST);
    const [before] = await founder.members();
    await founder.addMember([peer], { learner: false });
    member = await second.supervise('second-etcd', [
      'etcd',
      '--name=second',
      `--data-dir=${PLACE}/data`,
      '--initial-cluster-state=existing',
      `--initial-cluster=${before?.name}=https://${FIRST}:2380,second=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--listen-peer-urls=${peer}`,
      `--advertise-client-urls=https://${SECOND}:2379`,
      `--listen-client-urls=https://127.0.0.1:2379`,
      ...['', 'peer-'].flatMap(kind => [
        `--${kind}cert-file=${PLACE}/pair.crt`,
        `--${kind}key-file=${PLACE}/pair.key`,
        `--${kind}trusted-ca-file=${PLACE}/ca.crt`,
        `--${kind}client-cert-auth`,
      ]),
      '--unsafe-no-fsync',
    ]);
    member.start();
    const client = await clientOf('127.0.0.1');
    await waitFor('the second member to serve', () => client.range('/none', { timeoutMs: 1000 }));
    return client;
  }

  const namesOf = async (client: EtcdClient): Promise<readonly string[]> =>
    (await client.members()).map(({ name }) => name).toSorted();

  it('says so where it is the only member, and waits for nobody', async () => {
    await run(first, INIT, SLOW);
    const begun = performance.now();
    const said = await run(first, RESET, SLOW);
    expect(said).toContain('[remove-etcd-member] This is the only member of etcd');
    expect(performance.now() - begun).toBeLessThan(20_000);
    expect(await run(first, ['ls', '/etc/kubernetes', '/var/lib/etcd'])).not.toMatch(/pki|member/);
  });

  it('takes its own member out, and the other goes on serving', async () => {
    await run(first, INIT, SLOW);
    const client = await addMember();
    const both = await namesOf(client);
    expect(both).toEqual(['second', first.name].toSorted());
    const dry = await run(first, gantryCommand('reset', '--dry-run'), SLOW);
    expect(dry).toContain('[remove-etcd-member] Would remove the member of this node from etcd');
    expect(await namesOf(client)).toEqual(both);
    const said = await run(first, RESET, SLOW);
    expect(said).toContain('[remove-etcd-member] Removed the member of this node from etcd');
    await waitFor('the other member to lead alone', async saw => {
      const names = await namesOf(client);
      saw(names);
      return names.length === 1;
    });
    await client.put('/after', Buffer.from('1'));
    expect((await client.range('/after')).kvs.map(({ value }) => value.toString())).toEqual(['1']);
    expect((await client.range('/registry/namespaces/default')).kvs).toHaveLength(1);
    expect(await namesOf(client)).toEqual(['second']);
    expect(await run(first, ['ls', '/var/lib/etcd'])).not.toContain('member');
  });

  it('says what to do where the other is down, so that etcd has no quorum, and waits for seconds alone', async () => {
    await member.stop();
    await run(second, ['rm', '-rf', `${PLACE}/data`]);
    await run(first, INIT, SLOW);
    const client = await addMember();
    await member.stop();
    const begun = performance.now();
    const said = await run(first, RESET, SLOW);
    // by its version and who led it answers no more, or that the cluster is unhealthy
    expect(said).toMatch(/^\[remove-etcd-member\] etcd does not (answer|let its member go)/m);
    expect(said).toContain('Where other members are left, remove it there with "etcdctl member remove"');
    expect(performance.now() - begun).toBeLessThan(30_000);
    expect(await run(first, ['ls', '/etc/kubernetes', '/var/lib/etcd'])).not.toMatch(/pki|member/);
    client.close();
  });
});
