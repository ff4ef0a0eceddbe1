import { ANONYMOUS, type UserInfo } from '../authn/user.ts';
import type { ApiRequest, ApiResponse } from '../http.ts';
import { nonResourceInfo, type RequestInfo } from '../request-info.ts';

/** A request with what the pipeline has found out about it so far. Each filter hands on a context of its own. */
export interface RequestContext {
  readonly request: ApiRequest;
  readonly info: RequestInfo;
  /** The anonymous user until the request is authenticated. */
  readonly user: UserInfo;
  readonly auditId: string;
  /** Aborts when the client is gone, when time is up, and for what runs long when the server stops. */
  readonly signal: AbortSignal;
  /** Lines that the client is told beside the answer. */
  readonly warnings: WarningList;
}

export type Handler = (context: RequestContext) => Promise<ApiResponse>;

/** One step of the pipeline: looks, and calls `next` or answers itself. */
export interface Filter {
  readonly name: string;
  handle(context: RequestContext, next: Handler): Promise<ApiResponse>;
}

/** The first filter is the outermost. */
export function compose(filters: readonly Filter[], handler: Handler): Handler {
  return filters.reduceRight<Handler>((next, filter) => context => filter.handle(context, next), handler);
}

/** What is known of a request when it arrives. */
export function newContext(request: ApiRequest): RequestContext {
  return {
    request,
    info: nonResourceInfo(request.method, request.path),
    user: ANONYMOUS,
    auditId: '',
    signal: request.signal,
    warnings: new WarningList(),
  };
}

const MAX_WARNINGS_LENGTH = 4096;
const CUT_LENGTH = 256;

/** Warnings of one request, each once. Beyond 4,096 characters in all each is cut to 256, and what does not fit then is dropped, as upstream does. */
export class WarningList {
  readonly #texts = new Set<string>();

  add(text: string): void {
    this.#texts.add(text);
  }

  /** Values of the `warning` header (RFC 7234 5.5). */
  headerValues(): readonly string[] {
    const total = [...this.#texts].reduce((sum, text) => sum + text.length, 0);
    const values: string[] = [];
    let length = 0;
    for (const text of this.#texts) {
      const shown = total > MAX_WARNINGS_LENGTH ? text.slice(0, CUT_LENGTH) : text;
      length += shown.length;
      if (length > MAX_WARNINGS_LENGTH) break;
      values.push(`299 - "${shown.replace(/[^\x20-\x7e]/g, ' ').replace(/["\\]/g, char => `\\${char}`)}"`);
    }
    return values;
  }
}
