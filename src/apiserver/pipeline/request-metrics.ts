import type { ApiResource } from '../../api/schema/resources/resource.ts';
import type { Clock } from '../../base/clock.ts';
import { Counter, Gauge, Histogram, type Registry } from '../../daemon/metrics.ts';
import { type ApiRequest, type ApiResponse, bodyBytes, isWhole } from '../http.ts';
import { asksToWatch, isLongRunning, type RequestInfo } from '../request-info.ts';
import type { Filter } from './context.ts';

const LABELS = ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'] as const;
type Labels = Record<(typeof LABELS)[number], string>;

const DURATION_BUCKETS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const SIZE_BUCKETS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const CONNECT_SUBRESOURCES: ReadonlySet<string> = new Set(['log', 'exec', 'portforward', 'attach', 'proxy']);
const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
/** Paths beside resources that get a label of their own. */
const KNOWN_PATHS: ReadonlySet<string> = new Set([
  '/healthz',
  '/livez',
  '/readyz',
  '/version',
  '/metrics',
  '/api',
  '/apis',
]);

type InFlightKind = 'readOnly' | 'mutating';

/** Tells whether a request is about one of these resources, or a subresource that it has. Anything else a client, and be it nobody, may have made up. */
export function amongResources(resources: readonly ApiResource[]): (info: RequestInfo) => boolean {
  const known = new Set(
    resources.flatMap(({ group, version, plural, subresources }) =>
      ['', ...subresources.map(({ name }) => name)].map(name => `${group}/${version}/${plural}/${name}`),
    ),
  );
  return info => known.has(`${info.apiGroup}/${info.apiVersion}/${info.resource}/${info.subresource}`);
}

/** Metrics of requests under upstream's names and labels. */
export class RequestMetrics {
  readonly #known: (info: RequestInfo) => boolean;
  readonly #total;
  readonly #duration;
  readonly #size;
  readonly #longRunning;
  readonly #terminations;
  readonly #handshakeErrors;
  readonly #peaks: Record<InFlightKind, PeakOfSecond>;

  /** Only resources that `isKnown` answers true for become labels: clients must not choose how many series there are. */
  constructor(registry: Registry, clock: Clock, isKnown: (info: RequestInfo) => boolean) {
    this.#known = isKnown;
    const registers = [registry];
    this.#total = new Counter({
      name: 'apiserver_request_total',
      help: 'Requests by verb, dry run, group, version, resource, scope, component and HTTP code.',
      labelNames: [...LABELS, 'dry_run', 'code'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Time to answer, in seconds. What runs long is not in it.',
      labelNames: [...LABELS, 'dry_run'],
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.#size = new Histogram({
      name: 'apiserver_response_sizes',
      help: 'Bytes of the answers to reads, before compression.',
      labelNames: LABELS,
      buckets: SIZE_BUCKETS,
      registers,
    });
    this.#longRunning = new Gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Requests open now that run long by nature.',
      labelNames: LABELS,
      registers,
    });
    this.#terminations = new Counter({
      name: 'apiserver_request_terminations_total',
      help: 'Requests that the server refused in self-defence.',
      labelNames: [...LABELS, 'code'],
      registers,
    });
    this.#handshakeErrors = new Counter({
      name: 'apiserver_tls_handshake_errors_total',
      help: 'Connections that failed in the TLS handshake.',
      registers,
    });
    const peaks = { readOnly: new PeakOfSecond(clock), mutating: new PeakOfSecond(clock) };
    this.#peaks = peaks;
    new Gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'The most requests at a time within the last second, by kind.',
      labelNames: ['request_kind'],
      registers,
      collect() {
        this.set({ request_kind: 'readOnly' }, peaks.readOnly.value());
        this.set({ request_kind: 'mutating' }, peaks.mutating.value());
      },
    });
  }

  inFlight(kind: InFlightKind, count: number): void {
    this.#peaks[kind].observe(count);
  }

  terminated(info: RequestInfo, request: ApiRequest, code: number): void {
    this.#terminations.inc({ ...this.#labels(info, request), code: String(code) });
  }

  handshakeFailed(): void {
    this.#handshakeErrors.inc();
  }

  /** Counts a request that ran long while it is open; the function returned ends that. */
  longRunningStarted(info: RequestInfo, request: ApiRequest): () => void {
    const labels = this.#labels(info, request);
    this.#longRunning.inc(labels);
    return () => this.#longRunning.dec(labels);
  }

  answered(info: RequestInfo, request: ApiRequest, response: ApiResponse, seconds: number): void {
    const labels = this.#labels(info, request);
    const dryRun = request.query.getAll('dryRun').every(value => value === 'All')
      ? (request.query.get('dryRun') ?? '')
      : '';
    this.#total.inc({ ...labels, dry_run: dryRun, code: String(response.status) });
    if (isLongRunning(info)) return;
    this.#duration.observe({ ...labels, dry_run: dryRun }, seconds);
    const { body } = response;
    if (isWhole(body) && (labels.verb === 'GET' || labels.verb === 'LIST')) this.#size.observe(labels, bodyBytes(body));
  }

  #labels(info: RequestInfo, request: ApiRequest): Labels {
    const known = info.isResourceRequest && this.#known(info);
    const path = !info.isResourceRequest && KNOWN_PATHS.has(info.path) ? info.path : '';
    return {
      verb: reportedVerb(info, request),
      group: known ? info.apiGroup : '',
      version: known ? info.apiVersion : '',
      resource: known ? info.resource : '',
      subresource: known ? info.subresource : path,
      scope: scopeOf(info),
      component: 'apiserver',
    };
  }
}

function reportedVerb(info: RequestInfo, request: ApiRequest): string {
  if (CONNECT_SUBRESOURCES.has(info.subresource)) return 'CONNECT';
  if (info.verb === 'watch' || (request.method === 'GET' && asksToWatch(request.query))) return 'WATCH';
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  if (method === 'GET') return info.verb === 'list' ? 'LIST' : 'GET';
  if (method === 'PATCH' && request.headers.get('content-type') === 'application/apply-patch+yaml') return 'APPLY';
  if (method === 'DELETE' && info.verb === 'deletecollection') return 'DELETECOLLECTION';
  return METHODS.has(method) ? method : 'other';
}

function scopeOf(info: RequestInfo): string {
  if (info.name !== '' || info.verb === 'create') return 'resource';
  if (info.namespace !== '') return 'namespace';
  return info.isResourceRequest ? 'cluster' : '';
}

/** The greatest value seen within the last whole second, or within this one where it is greater. */
class PeakOfSecond {
  readonly #clock: Clock;
  #second = 0;
  #peak = 0;
  #before = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  observe(count: number): void {
    this.#turn();
    this.#peak = Math.max(this.#peak, count);
  }

  value(): number {
    this.#turn();
    return Math.max(this.#peak, this.#before);
  }

  #turn(): void {
    const second = Math.floor(this.#clock.monotonic() / 1000);
    if (second === this.#second) return;
    this.#before = second === this.#second + 1 ? this.#peak : 0;
    this.#peak = 0;
    this.#second = second;
  }
}

/** Measures every request, refused ones too. A stream counts as open until its body has ended. */
export function measureFilter(metrics: RequestMetrics, clock: Clock): Filter {
  return {
    name: 'measure',
    async handle(context, next) {
      const { info, request } = context;
      const started = clock.monotonic();
      const response = await next(context);
      metrics.answered(info, request, response, (clock.monotonic() - started) / 1000);
      const { body, takeover } = response;
      if (takeover !== undefined) {
        return {
          ...response,
          async takeover(connection, signal) {
            const ended = metrics.longRunningStarted(info, request);
            try {
              await takeover(connection, signal);
            } finally {
              ended();
            }
          },
        };
      }
      if (isWhole(body) || !isLongRunning(info)) return response;
      return {
        ...response,
        body: {
          async stream(sink, signal) {
            const ended = metrics.longRunningStarted(info, request);
            try {
              await body.stream(sink, signal);
            } finally {
              ended();
            }
          },
        },
      };
    },
  };
}
