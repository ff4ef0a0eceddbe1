import { describe, expect, it } from 'vitest';
import type { Service } from '../../../src/api/types/gen/core-v1.ts';
import type { Forwarder } from '../../../src/dns/forward/forwarder.ts';
import { serviceRecords } from '../../../src/dns/records/service-records.ts';
import { ClusterZone } from '../../../src/dns/records/zone.ts';
import { Resolver } from '../../../src/dns/resolve.ts';
import { addressesIn } from '../../../src/dns/wire/answer-records.ts';
import type { DnsQuery } from '../../../src/dns/wire/query.ts';
import { emptyAnswer, encodeResponse, FLAG_TC } from '../../../src/dns/wire/response.ts';
import { type DnsRecord, nameOf, RCODE } from '../../../src/dns/wire/types.ts';

/** A question for the addresses of a name, as clients send it. */
function question(name: string): Buffer {
  const labels = name.split('.').map(label => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const header = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

const ADDRESSES = ['192.0.2.1', '192.0.2.2'];

/** The server that is asked on: by datagram it says only that there is more. */
class CutForwarder {
  readonly asked: string[] = [];

  cached(): undefined {}

  async ask(query: DnsQuery, transport: string): Promise<Buffer> {
    this.asked.push(transport);
    const answers = ADDRESSES.map(address => ({
      ...{ name: nameOf('db.example.org'), type: 'A', ttl: 30, address },
    })) as unknown as DnsRecord[];
    const whole = { ...emptyAnswer(RCODE.NOERROR), answers };
    if (transport === 'tcp') return encodeResponse(query, whole, 65_535);
    const cut = encodeResponse(query, emptyAnswer(RCODE.NOERROR), 512);
    cut.writeUInt16BE(cut.readUInt16BE(2) | FLAG_TC, 2);
    return cut;
  }
}

describe('an alias that leads out of the cluster', () => {
  it.each(['udp', 'tcp'] as const)(
    'has all addresses, also where they are too many for a datagram: %s',
    async asked => {
      const zone = new ClusterZone(0);
      zone.setNamespace('shop', true);
      const spec = { type: 'ExternalName', externalName: 'db.example.org' };
      zone.setService(serviceRecords({ metadata: { namespace: 'shop', name: 'db' }, spec } as Service, []));
      const forwarder = new CutForwarder();
      const resolver = new Resolver({
        zone,
        settings: { domain: ['cluster', 'local'], dnsAddresses: ['10.96.0.10'] },
        forwarder: forwarder as unknown as Forwarder,
        isSynced: () => true,
        random: () => 0,
        observe: () => {},
      });
      const answer = (await resolver.answer(question('db.shop.svc.cluster.local'), asked)) as Buffer;
      expect(answer.readUInt16BE(2) & FLAG_TC).toBe(0);
      expect(addressesIn(answer).map(record => 'address' in record && record.address)).toEqual(
        expect.arrayContaining(ADDRESSES),
      );
      expect(forwarder.asked.at(-1)).toBe('tcp');
    },
  );
});
