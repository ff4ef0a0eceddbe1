import { describe, expect, it } from 'vitest';
import { proxiedName } from '../../../../src/apiserver/proxy/proxied-name.ts';

describe('the name of what is proxied', () => {
  it.each([
    ['web', { scheme: 'http', name: 'web', port: '' }],
    ['web:80', { scheme: 'http', name: 'web', port: '80' }],
    ['web:metrics', { scheme: 'http', name: 'web', port: 'metrics' }],
    ['https:web:443', { scheme: 'https', name: 'web', port: '443' }],
    ['http:web:', { scheme: 'http', name: 'web', port: '' }],
    [':web:80', { scheme: 'http', name: 'web', port: '80' }],
    ['', undefined],
    [':80', undefined],
    ['ftp:web:21', undefined],
    ['https:web:443:x', undefined],
  ])('%j is %j', (id, parts) => expect(proxiedName(id)).toEqual(parts));
});
