import { get } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { errorMessage } from '../../src/base/errors.ts';
import { BUSYBOX } from './images.ts';
import type { Kubectl } from './kubectl.ts';
import { waitFor } from './wait-for.ts';

export interface Answer {
  readonly url: string;
  /** Milliseconds since the epoch, when it was asked for. */
  readonly askedAt: number;
  readonly ms: number;
  readonly text: string;
}

export interface Failure {
  readonly at: string;
  readonly url: string;
  readonly afterMs: number;
  readonly error: string;
}

export interface FloodOptions {
  /** Clients of each address, each of which asks again when it has its answer. */
  readonly clients: number;
  /** How every right answer begins. */
  readonly startsWith: string;
}

/** Ports of closed connections are taken for a minute: at 100 requests a second of each client, four of them do not use up the machine's 28,000. */
const PAUSE_MS = 10;
/** Longer than a lost packet takes to be sent again twice: a loaded machine fails nothing. */
const PATIENCE_MS = 20_000;

/** Clients on this machine that ask for addresses without a break, each time by a new connection, and keep what they got. */
export class Flood {
  readonly answers: Answer[] = [];
  readonly failures: Failure[] = [];
  readonly #urls: readonly string[];
  readonly #over = new AbortController();
  readonly #clients: Promise<void>[];

  constructor(urls: readonly string[], options: FloodOptions) {
    this.#urls = urls;
    this.#clients = urls.flatMap(url =>
      Array.from({ length: options.clients }, () => this.#client(url, options.startsWith)),
    );
  }

  /** Resolves when every address has answered again, to a question of after this call. */
  async flows(): Promise<void> {
    const from = Date.now();
    await waitFor('an answer from each address', saw => {
      const since = this.since(from);
      saw({ answers: since.length, failures: this.failures.slice(-3) });
      return this.#urls.every(url => since.some(answer => answer.url === url));
    });
  }

  /** The answers to what was asked at that time or later. */
  since(askedAt: number): Answer[] {
    return this.answers.filter(answer => answer.askedAt >= askedAt);
  }

  /** Ends the clients, each with its answer. Safe to repeat. */
  async stop(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#clients);
  }

  async #client(url: string, startsWith: string): Promise<void> {
    while (!this.#over.signal.aborted) {
      const askedAt = Date.now();
      try {
        const text = await ask(url);
        if (!text.startsWith(startsWith)) throw new Error(`a wrong answer: ${text.slice(0, 200)}`);
        this.answers.push({ url, askedAt, ms: Date.now() - askedAt, text });
      } catch (error) {
        const afterMs = Date.now() - askedAt;
        this.failures.push({ at: new Date(askedAt).toISOString(), url, afterMs, error: errorMessage(error) });
      }
      await setTimeout(PAUSE_MS);
    }
  }
}

/** One answer by a connection of its own: no client of the process shares it. */
function ask(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: PATIENCE_MS }, response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text.trim());
        else reject(new Error(`status ${response.statusCode}: ${text.slice(0, 200)}`));
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)));
    request.on('error', reject);
  });
}

/** Clients as a pod runs them: names are looked up anew for each request, and cluster addresses led on by the pod's node. No process is spawned but the one that asks. */
const POD_CLIENT = `
for url; do
  (
    answered=0
    while [ ! -s /pod/over ]; do
      read -r began _ </proc/uptime
      answer=$(timeout 20 wget -q -O - "$url" 2>&1)
      case "$answer" in
        "$STARTS_WITH"*)
          answered=$((answered + 1))
          [ $answered = 1 ] && echo "first $url"
          ;;
        *)
          read -r now _ </proc/uptime
          echo "failed $(date +%T) asked at $began, over at $now, $url: $answer"
          ;;
      esac
      sleep 0.05
    done
    echo "answered $answered $url"
  ) &
done
wait
`;

export interface PodFlood {
  /** Ends it: what was answered, and each failure with its times. The pod is deleted. */
  stop(): Promise<{ readonly answered: number; readonly failures: readonly string[] }>;
}

/** The same from a pod on that node. Resolves when every address has answered once. */
export async function floodFromPod(
  kubectl: Kubectl,
  pod: { readonly name: string; readonly node: string },
  urls: readonly string[],
  { clients, startsWith }: FloodOptions,
): Promise<PodFlood> {
  const { name, node } = pod;
  const asked = Array.from({ length: clients }, () => urls).flat();
  await kubectl.given([floodPod(name, node, asked, startsWith)]).ok('apply -f -');
  await waitFor(
    `first answers to pod ${name}`,
    async saw => {
      const { out, err } = await kubectl.run(`logs ${name}`);
      saw(out || err);
      return linesOf(out, 'first ').length === asked.length;
    },
    { timeoutMs: 60_000 },
  );
  return {
    stop: async () => {
      await kubectl.ok(`annotate pod ${name} over=yes`);
      await kubectl.ok(`wait pod/${name} --for=jsonpath={.status.phase}=Succeeded --timeout=60s`);
      const log = await kubectl.ok(`logs ${name}`);
      await kubectl.ok(`delete pod ${name} --now`);
      const counts = linesOf(log, 'answered ').map(line => Number(line.split(' ')[1]));
      return { answered: counts.reduce((sum, count) => sum + count, 0), failures: linesOf(log, 'failed ') };
    },
  };
}

function linesOf(log: string, startsWith: string): string[] {
  return log.split('\n').filter(line => line.startsWith(startsWith));
}

/** It is over when the pod has the annotation, which it sees in a file. */
function floodPod(name: string, node: string, asked: readonly string[], startsWith: string): object {
  const over = { path: 'over', fieldRef: { fieldPath: "metadata.annotations['over']" } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName: node,
      restartPolicy: 'Never',
      containers: [
        {
          name: 'flood',
          image: BUSYBOX,
          command: ['sh', '-c', POD_CLIENT, 'flood', ...asked],
          env: [{ name: 'STARTS_WITH', value: startsWith }],
          volumeMounts: [{ name: 'pod', mountPath: '/pod' }],
        },
      ],
      volumes: [{ name: 'pod', downwardAPI: { items: [over] } }],
    },
  };
}
