import { randomUUID } from 'node:crypto';
import { withHeaders } from '../http.ts';
import { requestInfo } from '../request-info.ts';
import type { Filter } from './context.ts';

/** As much of it as goes into the log, as upstream has it: anybody can send one of 128 KiB. */
const LOGGED_LENGTH = 64;

/** Gives every request an id, the client's own where it sent one, and tells it in every answer; nothing of an answer is for shared caches. */
export const auditIdFilter: Filter = {
  name: 'audit-id',
  async handle(context, next) {
    const auditId = context.request.headers.get('audit-id') || randomUUID();
    const response = await next({ ...context, auditId: auditId.slice(0, LOGGED_LENGTH) });
    return withHeaders(response, { 'audit-id': auditId, 'cache-control': 'no-cache, private' });
  },
};

/** Reads what the request is about. */
export const requestInfoFilter: Filter = {
  name: 'request-info',
  handle(context, next) {
    const { method, path, query } = context.request;
    return next({ ...context, info: requestInfo(method, path, query) });
  },
};

/** Puts the warnings that were gathered on the way into the answer. */
export const warningsFilter: Filter = {
  name: 'warnings',
  async handle(context, next) {
    const response = await next(context);
    const warning = context.warnings.headerValues();
    return warning.length === 0 ? response : withHeaders(response, { warning });
  },
};
