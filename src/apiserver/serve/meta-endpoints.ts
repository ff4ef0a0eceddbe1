import type { Clock } from '../../base/clock.ts';
import { trimEnd } from '../../base/trim-end.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { Registry } from '../../daemon/metrics.ts';
import { type ApiResponse, notFoundResponse } from '../http.ts';
import type { Handler } from '../pipeline/context.ts';
import { healthResponse, type NamedCheck } from './health.ts';

/** `version.Info` as /version answers it. */
export interface VersionInfo {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
  readonly gitCommit: string;
  readonly gitTreeState: string;
  readonly buildDate: string;
  readonly goVersion: string;
  readonly compiler: string;
  readonly platform: string;
}

export interface MetaEndpoints {
  readonly version: VersionInfo;
  readonly registry: Registry;
  /** For /livez and /healthz. */
  readonly livenessChecks: readonly NamedCheck[];
  readonly readinessChecks: readonly NamedCheck[];
  /** What else the server answers, for the index at `/`. */
  readonly otherPaths: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Answers what is about the server and not about objects, and hands the rest on. */
export function metaEndpoints(meta: MetaEndpoints, next: Handler): Handler {
  const checks = new Map([
    ['healthz', meta.livenessChecks],
    ['livez', meta.livenessChecks],
    ['readyz', meta.readinessChecks],
  ]);
  const checkPaths = [...checks].flatMap(([name, named]) => [
    `/${name}`,
    ...named.map(each => `/${name}/${each.name}`),
  ]);
  const paths = [...new Set(['/metrics', '/version', ...checkPaths, ...meta.otherPaths])].sort();
  return async context => {
    const { path, query, method } = context.request;
    // Nothing is served there, though the path reads like that of a resource.
    if (path.startsWith('//')) return notFoundResponse();
    if (context.info.isResourceRequest || (method !== 'GET' && method !== 'HEAD')) return next(context);
    if (path === '/' || path === '/index.html') return jsonResponse({ paths });
    const [, endpoint = '', ...rest] = trimEnd(path, '/').split('/');
    const named = checks.get(endpoint);
    if (named !== undefined)
      return healthResponse(endpoint, rest.join('/'), query, named, { ...meta, signal: context.signal });
    if (rest.length > 0) return next(context);
    if (endpoint === 'version') return jsonResponse(meta.version);
    if (endpoint === 'metrics')
      return {
        status: 200,
        headers: { 'content-type': meta.registry.contentType },
        body: await meta.registry.metrics(),
      };
    return next(context);
  };
}

function jsonResponse(document: object): ApiResponse {
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(document, undefined, 2),
  };
}
