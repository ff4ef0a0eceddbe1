import { describe, expect, it } from 'vitest';
import { passwordsIn, secretsIn } from '../../../../src/diagnosis/redaction/find-secrets.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('the secrets that a document names', () => {
  it('are what stands under such names, as it stands and decoded', () => {
    const auth = base64('user:hunter2');
    expect(secretsIn({ auths: { 'r.io': { auth, email: 'a@b' } } })).toEqual([auth, 'user:hunter2', 'hunter2']);
    expect(secretsIn({ users: [{ user: { token: 'a-token', 'client-certificate': '/c.pem' } }] })).toEqual(['a-token']);
    expect(secretsIn({ passwords: ['one', 'two'], port: 80 })).toEqual(['one', 'two']);
  });

  it('are the passwords of URLs wherever they are', () => {
    expect(secretsIn({ mirrors: { 'docker.io': ['https://me:p%40ss@mirror', 'https://plain/'] } })).toEqual([
      'p%40ss',
      'p@ss',
    ]);
    expect(passwordsIn('HTTP_PROXY=http://a:b%zz@c https://d@e')).toEqual(['b%zz']);
  });

  it.each([
    ["postgres://app:o'brien-7@db/x", ["o'brien-7"]],
    ["'postgres://app:hunter2@db/x','me@example.org'", ['hunter2']],
    ['redis://:pa/ss@host:6379', ['pa/ss']],
    ['https://u:123/abc@h', ['123/abc']],
    ['http://a:b/c@d:1,http://e:f/g@h:2', ['b/c', 'f/g']],
    ['http://me:pw@proxy:3128/@x', ['pw', 'pw@proxy:3128/']],
    ['https://10.0.0.1:6443/api and me@example.org', []],
  ])('are those of %j', (text, passwords) => {
    expect([...new Set(passwordsIn(text))].sort()).toEqual([...passwords].sort());
  });

  it('are found in a time that grows with the length', () => {
    const before = process.cpuUsage().user;
    for (const piece of ['a', 'a://', 'a://:', "'a://b:", 'a://b:@', "a://b:'@", ':', '@'])
      passwordsIn(`http://a:${piece.repeat((1 << 15) / piece.length)}`);
    expect(process.cpuUsage().user - before).toBeLessThan(2_000_000);
  });

  it.each([undefined, null, 7, 'text', [], {}])('are none in %j', document => {
    expect(secretsIn(document)).toEqual([]);
  });
});
