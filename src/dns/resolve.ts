import type { Forwarder, Transport } from './forward/forwarder.ts';
import { type AliasAnswer, answerZone, isOfDomain, type ZoneSettings } from './records/answer.ts';
import type { ClusterZone } from './records/zone.ts';
import { addressesIn } from './wire/answer-records.ts';
import { type DnsQuery, isBad, parseQuery, queryFor, udpLimit } from './wire/query.ts';
import {
  type DnsAnswer,
  emptyAnswer,
  encodeFailure,
  encodeResponse,
  FLAG_TC,
  SERVER_FAILURE,
} from './wire/response.ts';
import { CLASS_ANY, CLASS_IN, type DnsRecord, lower, type Name, RCODE, TYPE } from './wire/types.ts';

/** Aliases of aliases of the cluster are followed so far, then no further. */
const MAX_ALIASES = 8;
const MAX_STREAM_BYTES = 65_535;
/** QTYPEs from here on ask for transfers and other things that are no records (RFC 6895, 3.1); ANY is among them. */
const FIRST_META_TYPE = 249;

export interface ResolverOptions {
  readonly zone: ClusterZone;
  readonly settings: ZoneSettings;
  readonly forwarder: Forwarder;
  /** False until all of the cluster is known: until then nobody is told that a name of it does not exist. */
  readonly isSynced: () => boolean;
  /** 0 <= x < 1. */
  readonly random: () => number;
  readonly observe: (
    query: DnsQuery | undefined,
    transport: Transport,
    rcode: number,
    where: 'cluster' | 'cache' | 'forward',
  ) => void;
}

function isTruncated(answer: Buffer): boolean {
  return answer.length > 3 && (answer.readUInt16BE(2) & FLAG_TC) !== 0;
}

/** Answers queries: names of the cluster from what is known, all others by asking on. */
export class Resolver {
  readonly #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** The answer at once where it is known, later where somebody has to be asked; undefined: none is due. Never throws or rejects. */
  answer(message: Buffer, transport: Transport): Buffer | Promise<Buffer> | undefined {
    const query = parseQuery(message);
    const { observe } = this.#options;
    if (isBad(query)) {
      if (query.rcode === undefined) return undefined;
      observe(undefined, transport, query.rcode, 'cluster');
      return encodeFailure(query.id, query.rcode);
    }
    const known = this.#known(query);
    if (known !== undefined && 'aliasOf' in known) return this.#alias(query, known, transport);
    if (known !== undefined) return this.#encode(query, known, transport);
    const cached = this.#options.forwarder.cached(query);
    if (cached !== undefined) return this.#pass(query, cached, transport, 'cache');
    return this.#options.forwarder
      .ask(query, transport)
      .then(answer => this.#pass(query, answer, transport, 'forward'));
  }

  /** Undefined where others have to be asked. */
  #known(query: DnsQuery): DnsAnswer | AliasAnswer | undefined {
    const { zone, settings, isSynced } = this.#options;
    if (query.class !== CLASS_IN && query.class !== CLASS_ANY) return emptyAnswer(RCODE.REFUSED);
    if (query.type >= FIRST_META_TYPE && query.type <= TYPE.ANY && query.type !== TYPE.ANY)
      return emptyAnswer(RCODE.REFUSED);
    if (!isSynced()) return isOfDomain(query.labels, settings.domain) ? SERVER_FAILURE : undefined;
    return answerZone(query, zone, settings);
  }

  #encode(query: DnsQuery, answer: DnsAnswer, transport: Transport): Buffer {
    this.#options.observe(query, transport, answer.rcode, 'cluster');
    const limit = transport === 'udp' ? udpLimit(query) : MAX_STREAM_BYTES;
    return encodeResponse(query, { ...answer, answers: this.#spread(answer.answers) }, limit);
  }

  /** Clients take the first address: each is told another. An alias stays in front of what it leads to. */
  #spread(records: readonly DnsRecord[]): readonly DnsRecord[] {
    if (records.length < 2) return records;
    const first = records.findIndex(({ type }) => type !== 'CNAME');
    const turned = records.slice(first);
    const by = Math.floor(this.#options.random() * turned.length);
    return [...records.slice(0, first), ...turned.slice(by), ...turned.slice(0, by)];
  }

  /** The alias and what it leads to, in the cluster or outside. */
  async #alias(query: DnsQuery, alias: AliasAnswer, transport: Transport): Promise<Buffer> {
    const { zone, settings } = this.#options;
    const chain: DnsRecord[] = [...alias.answers];
    let target = alias.aliasOf;
    for (let i = 0; i < MAX_ALIASES; i += 1) {
      const labels = target.map(lower);
      const next = answerZone({ name: target, labels, type: query.type }, zone, settings);
      if (next === undefined) return this.#foreign(query, chain, target, transport);
      chain.push(...next.answers);
      if (!('aliasOf' in next)) return this.#encode(query, { ...next, answers: chain }, transport);
      target = next.aliasOf;
    }
    return this.#encode(query, SERVER_FAILURE, transport);
  }

  /** What others say of the name that an alias leads to, as far as it is records that can be told on. */
  async #foreign(query: DnsQuery, chain: readonly DnsRecord[], target: Name, transport: Transport): Promise<Buffer> {
    const asked = queryFor(query, target);
    if (asked === undefined) return this.#encode(query, { ...SERVER_FAILURE, answers: chain }, transport);
    const { forwarder } = this.#options;
    let answer = forwarder.cached(asked) ?? (await forwarder.ask(asked, transport));
    // whoever asked cannot ask for the rest of it: here the answer is another one
    if (transport === 'udp' && isTruncated(answer)) answer = await forwarder.ask(asked, 'tcp');
    const rcode = (answer[3] ?? 0) & 0xf;
    if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN)
      return this.#encode(query, { ...SERVER_FAILURE, answers: chain }, transport);
    return this.#encode(query, { ...emptyAnswer(rcode, true), answers: [...chain, ...addressesIn(answer)] }, transport);
  }

  #pass(query: DnsQuery, answer: Buffer, transport: Transport, where: 'cache' | 'forward'): Buffer {
    this.#options.observe(query, transport, (answer[3] ?? 0) & 0xf, where);
    const limit = Math.max(512, query.edns?.udpBytes ?? 512);
    if (transport === 'tcp' || answer.length <= limit) return answer;
    const cut = encodeResponse(query, emptyAnswer(RCODE.NOERROR), limit);
    cut.writeUInt16BE(cut.readUInt16BE(2) | FLAG_TC, 2);
    return cut;
  }
}
