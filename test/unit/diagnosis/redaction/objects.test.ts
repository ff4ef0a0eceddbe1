import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { knownPieces, removeKnown, removeKnownIn } from '../../../../src/diagnosis/redaction/known-secrets.ts';
import { redactKubeconfig } from '../../../../src/diagnosis/redaction/kubeconfig.ts';
import { redactDocument } from '../../../../src/diagnosis/redaction/objects.ts';
import { generateKey, privateKeyPem } from '../../../../src/pki/keys.ts';

const S = 'hunter2-Zq9';

describe('an object without its secrets', () => {
  it('keeps of a pod nothing that its author wrote as he likes', () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'web',
        annotations: {
          'kubectl.kubernetes.io/last-applied-configuration': `{"a":"${S}"}`,
          note: S,
          'kubernetes.io/config.source': 'api',
        },
        managedFields: [{ manager: 'kubectl' }],
      },
      spec: {
        imagePullSecrets: [{ name: 'registry' }],
        automountServiceAccountToken: false,
        containers: [
          {
            name: 'main',
            image: 'busybox',
            command: ['server', S],
            args: [`-p${S}`],
            lifecycle: { preStop: { exec: { command: [S] } } },
            env: [
              { name: 'PLAIN', value: S },
              { name: 'FROM', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
            ],
            livenessProbe: { httpGet: { path: '/', httpHeaders: [{ name: 'X-Any', value: S }] } },
          },
        ],
        initContainers: [{ name: 'init', env: [{ name: 'A', value: S }] }],
        volumes: [{ name: 'creds', secret: { secretName: 'db', defaultMode: 420 } }],
      },
      status: {
        phase: 'Running',
        containerStatuses: [
          {
            state: { waiting: { message: `pull https://u:${S}@r.io/x` } },
            lastState: { terminated: { exitCode: 1, reason: 'Error', message: `end of the log: ${S}` } },
          },
        ],
      },
    };
    const left = redactDocument(pod);
    expect(JSON.stringify(left)).not.toContain(S);
    expect(left).toMatchObject({
      metadata: { name: 'web', annotations: { note: '[left out]', 'kubernetes.io/config.source': 'api' } },
      spec: {
        imagePullSecrets: [{ name: 'registry' }],
        automountServiceAccountToken: false,
        containers: [
          {
            image: 'busybox',
            command: '[left out]',
            args: '[left out]',
            lifecycle: { preStop: { exec: { command: '[left out]' } } },
            env: [
              { name: 'PLAIN', value: '[redacted]' },
              { name: 'FROM', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
            ],
          },
        ],
        volumes: [{ name: 'creds', secret: { secretName: 'db', defaultMode: 420 } }],
      },
      status: {
        phase: 'Running',
        containerStatuses: [{ lastState: { terminated: { exitCode: 1, reason: 'Error', message: '[left out]' } } }],
      },
    });
    expect(left).not.toHaveProperty('metadata.managedFields');
    expect(redactDocument(left)).toEqual(left);
  });

  it('has nothing of a Secret but that there is one, in a list too', () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db' }, data: { a: S } };
    expect(redactDocument({ kind: 'List', items: [secret] })).toEqual({
      kind: 'List',
      items: [{ apiVersion: 'v1', kind: 'Secret', metadata: '[redacted]' }],
    });
  });

  it('looks into templates, lists of pairs and texts in texts', () => {
    const document = {
      spec: { template: { spec: { containers: [{ env: [{ name: 'A', value: S }] }] } } },
      parameters: [{ name: 'adminPassword', value: S }],
      data: { 'config.yaml': `password: ${S}\nport: 80` },
      envs: [`A=${S}`],
      apiToken: 12345678,
      url: `postgres://me:${S}@db/x`,
    };
    expect(redactDocument(document)).toEqual({
      spec: { template: { spec: { containers: [{ env: [{ name: 'A', value: '[redacted]' }] }] } } },
      parameters: [{ name: 'adminPassword', value: '[redacted]' }],
      data: { 'config.yaml': 'password: [redacted]\nport: 80' },
      envs: ['A=[redacted]'],
      apiToken: '[redacted]',
      url: 'postgres://[redacted]@db/x',
    });
  });

  it('keeps of annotations those of Kubernetes itself', () => {
    const annotations = {
      'a/config': `kind: Secret\nstringData:\n  x: ${S}`,
      'kubectl.kubernetes.io/last-applied-configuration': S,
      'deployment.kubernetes.io/revision': '3',
      'a/token': S,
    };
    const left = redactDocument({ metadata: { annotations } });
    expect(left).toEqual({
      metadata: {
        annotations: {
          'a/config': '[left out]',
          'kubectl.kubernetes.io/last-applied-configuration': '[left out]',
          'deployment.kubernetes.io/revision': '3',
          'a/token': '[left out]',
        },
      },
    });
    expect(redactDocument(left)).toEqual(left);
  });

  it.each([
    [`Liveness probe failed: ${S}\n${S}`, 'Liveness probe failed: [left out]'],
    [
      `Readiness probe errored and resulted in unknown state: ${S}`,
      'Readiness probe errored and resulted in unknown state: [left out]',
    ],
    [
      'Startup probe failed: HTTP probe failed with statuscode: 503',
      'Startup probe failed: HTTP probe failed with statuscode: 503',
    ],
    [
      `Liveness probe failed: command timed out: "redis-cli -a ${S} ping" timed out after 1s`,
      'Liveness probe failed: command timed out: [left out] timed out after 1s',
    ],
    [`Liveness probe failed: command timed out: "cli -a ${S}`, 'Liveness probe failed: [left out]'],
    [
      `(combined from similar events): Startup probe failed: command timed out: "a\n${S}" timed out after 1m0.5s`,
      '(combined from similar events): Startup probe failed: command timed out: [left out] timed out after 1m0.5s',
    ],
    [`PostStartHook failed: ${S}\n${S}`, 'PostStartHook failed: [left out]'],
    [
      `PreStopHook failed: command timed out: "login ${S}" timed out after 30s`,
      'PreStopHook failed: command timed out: [left out] timed out after 30s',
    ],
    [
      `Exec lifecycle hook ([login ${S}]) for Container "main" in Pod "web" failed - error: x, message: "${S}"`,
      'Exec lifecycle hook: [left out]',
    ],
    ['Back-off restarting failed container', 'Back-off restarting failed container'],
  ])('keeps of the event %j what is not of the program', (message, left) => {
    const event = { involvedObject: { kind: 'Pod' }, message };
    expect(redactDocument(event)).toEqual({ ...event, message: left });
    expect(redactDocument(redactDocument(event))).toEqual({ ...event, message: left });
  });

  it('keeps of a hook that failed its name alone, where a container waits because of it', () => {
    const state = {
      waiting: { reason: 'PostStartHookError', message: `PostStartHook of main failed: said ${S}\nmore ${S}` },
    };
    expect(redactDocument({ status: { containerStatuses: [{ state }] } })).toEqual({
      status: {
        containerStatuses: [
          { state: { waiting: { reason: 'PostStartHookError', message: 'PostStartHook of main failed: [left out]' } } },
        ],
      },
    });
  });

  it('has nothing of values in whatever way they stand beside their names', () => {
    const document = {
      headers: { X: S, Y: [S] },
      environment: [`A=${S}`],
      Environment: [{ Name: 'A', Value: S }],
      pairs: [
        { name: 'PASSWORD', values: [S] },
        { Name: 'DB_PASSWORD2', Value: S },
      ],
      env: { A: [S], B: { C: S } },
      words: [`PASSWORD=correct ${S}`, '--password', `-${S}`],
      storage: { parameters: { x: S }, flexVolume: { options: { x: S } }, csi: { volumeAttributes: { x: S } } },
    };
    expect(JSON.stringify(redactDocument(document))).not.toContain(S);
  });

  it('has no bytes, in which no secret could be found', () => {
    const document = parse('docs: !!binary aHVudGVyMi1acTk=\na: 1') as object;
    expect(redactDocument(document)).toEqual({ docs: '[left out]', a: 1 });
    expect(removeKnownIn(document, [S])).toEqual({ docs: '[left out]', a: 1 });
  });

  it('hands the name of a secret down to what is below it', () => {
    const document = {
      token: { value: S, deeper: [{ a: S, n: 12345678 }] },
      secrets: { db: S, name: 'kept' },
      env: { A: S, B: 7, C: { value: S } },
      volumes: [{ secret: { secretName: 'db', items: [{ key: 'password', path: 'p' }], defaultMode: 420 } }],
      sources: [{ serviceAccountToken: { audience: 'a', expirationSeconds: 3600, path: 'token' } }],
      authorization: { mode: 'Webhook', webhook: { cacheAuthorizedTTL: '5m' } },
      'config.json': JSON.stringify({ envs: { A: S } }),
    };
    const left = redactDocument(document);
    expect(left).toEqual({
      ...document,
      token: { value: '[redacted]', deeper: [{ a: '[redacted]', n: '[redacted]' }] },
      secrets: { db: '[redacted]', name: 'kept' },
      env: { A: '[redacted]', B: '[redacted]', C: { value: '[redacted]' } },
      'config.json': '{"envs":{"A":"[redacted]"}}',
    });
    expect(redactDocument(left)).toEqual(left);
  });

  it('ends for a text that is deeper than any stack', () => {
    const deep = { a: '['.repeat(200_000) + ']'.repeat(200_000) };
    expect(Object.keys(redactDocument(deep) as object)).toEqual(['a']);
  });

  it('leaves what is no object', () => {
    expect([null, true, 7, 'text', []].map(redactDocument)).toEqual([null, true, 7, 'text', []]);
  });
});

describe('a kubeconfig without its credentials', () => {
  it('names files and servers, and nothing that lets anybody in', () => {
    const users = [
      { name: 'a', user: { 'client-certificate-data': 'Y2VydA==', 'client-key-data': 'a2V5', token: S } },
      { name: 'b', user: { 'client-certificate': '/a.pem', 'client-key': '/a.pem', tokenFile: '/t' } },
      { name: 'c', user: { username: 'me', password: S, exec: { command: 'x', env: [{ name: 'A', value: S }] } } },
    ];
    const clusters = [{ name: 'k', cluster: { server: `https://me:${S}@h:6443`, 'proxy-url': `http://me:${S}@p:1` } }];
    const extensions = [{ name: 'x', extension: { session: S } }];
    const left = redactKubeconfig({
      kind: 'Config',
      clusters: [...clusters, { name: 'e', cluster: { extensions } }],
      users,
      extensions,
      'current-context': 'x',
    });
    expect(JSON.stringify(left)).not.toMatch(new RegExp(`${S}|a2V5|Y2VydA`));
    expect(left).toMatchObject({
      clusters: [
        { cluster: { server: 'https://[redacted]@h:6443', 'proxy-url': 'http://[redacted]@p:1' } },
        { name: 'e', cluster: { extensions: '[redacted]' } },
      ],
      users: [
        { name: 'a' },
        { user: { 'client-certificate': '/a.pem', 'client-key': '/a.pem', tokenFile: '/t' } },
        { name: 'c' },
      ],
      'current-context': 'x',
    });
  });

  it.each([
    undefined,
    null,
    'text',
    S,
    [S],
    [{ users: [{ user: { token: S } }] }],
    { clusters: [{ name: 'a', cluster: { 'proxy-url': `me:${S}@p:1`, note: S } }] },
    { users: S },
    { users: [S] },
    { users: [{ name: 'a', user: S }] },
  ])('is safe where it is none: %j', document => {
    expect(JSON.stringify(redactKubeconfig(document)) ?? '').not.toContain(S);
  });
});

describe('secrets that are known', () => {
  it.each(['u', 'us', 'user', ''])('are found in the base64 of %j and themselves', user => {
    const pieces = knownPieces([S]);
    for (const tail of ['', ' and more']) {
      const left = removeKnown(Buffer.from(`${user}:${S}${tail}`).toString('base64'), pieces);
      expect(left).toContain('[redacted]');
      expect(Buffer.from(left.replace('[redacted]', ''), 'base64').toString()).not.toContain(S.slice(0, 6));
    }
  });

  it('are found whatever is around them, line by line and in base64', () => {
    const key = privateKeyPem(generateKey());
    const pieces = knownPieces([key, S, 'short']);
    const body = key.split('\n').filter(line => line.length > 20 && !line.startsWith('-----'));
    const text = `x${S}y ${Buffer.from(S).toString('base64')} ${body.map(line => `> ${line} <`).join('\n')} short ${Buffer.from(key).toString('base64')}`;
    const left = removeKnown(text, pieces);
    for (const secret of [S, ...body, Buffer.from(key).toString('base64').slice(0, 40)])
      expect(left).not.toContain(secret);
    expect(left).toContain('short');
    expect(left).toMatch(/^x\[redacted\]y /);
  });
});
