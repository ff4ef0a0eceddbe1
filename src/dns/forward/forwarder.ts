import { randomInt } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { answerFor, type PassedAnswer, readAnswer } from '../wire/passed-answer.ts';
import type { DnsQuery } from '../wire/query.ts';
import { emptyAnswer, encodeResponse, SERVER_FAILURE } from '../wire/response.ts';
import { RCODE } from '../wire/types.ts';
import { AnswerCache, keyOf } from './answer-cache.ts';
import { askByDatagram, askByStream, type Upstream } from './exchange.ts';

export type Transport = 'udp' | 'tcp';

/** CoreDNS' limit of what is under way, and its patience: 2 s for a server, 5 s in all. */
const MAX_UNDER_WAY = 1_000;
const SERVER_MS = 2_000;
const TOTAL_MS = 5_000;
/** Who did not answer is asked last for so long. */
const SHUNNED_MS = 10_000;

export interface ForwarderOptions {
  readonly servers: () => readonly Upstream[];
  readonly clock: Clock;
  /** One line for the log; not for every query of a server that is away. */
  readonly onTrouble: (message: string) => void;
}

/**
 * Answers what others have to be asked for. The query goes on as it came but for its id, the answer comes back as it came: what this server does not
 * understand it does not break. The same question of many is asked once.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #cache = new AnswerCache();
  readonly #underWay = new Map<string, Promise<PassedAnswer | undefined>>();
  readonly #shunned = new Map<string, number>();

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** From what was answered lately; undefined where somebody has to be asked. */
  cached(query: DnsQuery): Buffer | undefined {
    return this.#cache.get(query, this.#options.clock.monotonic());
  }

  /** Never rejects: SERVFAIL where nobody answers, REFUSED where too much is under way. */
  async ask(query: DnsQuery, transport: Transport): Promise<Buffer> {
    const key = `${transport}${keyOf(query)}`;
    let asked = this.#underWay.get(key);
    if (asked === undefined) {
      if (this.#underWay.size >= MAX_UNDER_WAY) return encodeResponse(query, emptyAnswer(RCODE.REFUSED), 512);
      asked = this.#askServers(query, transport).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, asked);
    }
    const answer = await asked;
    return answer === undefined ? encodeResponse(query, SERVER_FAILURE, 512) : answerFor(query, answer, 0);
  }

  async #askServers(query: DnsQuery, transport: Transport): Promise<PassedAnswer | undefined> {
    const { clock } = this.#options;
    const until = clock.monotonic() + TOTAL_MS;
    let refusal: PassedAnswer | undefined;
    for (const server of this.#order()) {
      const left = until - clock.monotonic();
      if (left <= 0) break;
      const answer = await this.#askServer(server, query, transport, Math.min(left, SERVER_MS));
      if (answer === undefined) continue;
      if (answer.rcode !== RCODE.SERVFAIL && answer.rcode !== RCODE.REFUSED) {
        this.#cache.put(query, answer, clock.monotonic());
        return answer;
      }
      refusal ??= answer;
    }
    return refusal;
  }

  async #askServer(
    server: Upstream,
    query: DnsQuery,
    transport: Transport,
    timeoutMs: number,
  ): Promise<PassedAnswer | undefined> {
    const message = Buffer.from(query.message);
    const id = randomInt(65_536);
    message.writeUInt16BE(id, 0);
    let read: PassedAnswer | undefined;
    const isAnswer = (each: Buffer): boolean => {
      if (each.length < 2 || each.readUInt16BE(0) !== id) return false;
      read = readAnswer(query, each);
      return read !== undefined;
    };
    const key = `${server.address}#${server.port}`;
    try {
      await (transport === 'udp' ? askByDatagram : askByStream)(server, message, isAnswer, Math.ceil(timeoutMs));
      this.#shunned.delete(key);
      return read;
    } catch (error) {
      const now = this.#options.clock.monotonic();
      if ((this.#shunned.get(key) ?? 0) <= now) this.#options.onTrouble(errorMessage(error));
      this.#shunned.set(key, now + SHUNNED_MS);
      return undefined;
    }
  }

  /** As the file has them, those that did not answer lately behind the others. */
  #order(): Upstream[] {
    const now = this.#options.clock.monotonic();
    const isShunned = ({ address, port }: Upstream): boolean => (this.#shunned.get(`${address}#${port}`) ?? 0) > now;
    const servers = this.#options.servers();
    return [...servers.filter(each => !isShunned(each)), ...servers.filter(isShunned)];
  }
}
