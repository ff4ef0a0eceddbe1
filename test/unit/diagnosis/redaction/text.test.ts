import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSecretName } from '../../../../src/diagnosis/redaction/secret-names.ts';
import { redactText } from '../../../../src/diagnosis/redaction/text.ts';
import { generateKey, privateKeyPem } from '../../../../src/pki/keys.ts';

const KEY = privateKeyPem(generateKey());
const BODY = KEY.split('\n').filter(line => line !== '' && !line.startsWith('-----'));
const HEX = 'f3c1'.repeat(16);
const JWT = 'eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6YTpiIn0.c2lnbmF0dXJlLW9mLWl0';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const SECRET = 'hunter2-Zq9';

describe('a text without its secrets', () => {
  it.each([
    ['a private key', `a\n${KEY}b`, BODY, /^a\n\[redacted\]\n?b$/],
    [
      'a key of OpenSSH',
      'x -----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY----- y',
      ['b3BlbnNzaC1rZXk'],
      /^x \[redacted\] y$/,
    ],
    ['a key with its line breaks escaped', `{"key":${JSON.stringify(KEY)},"b":1}`, BODY, /"b":1/],
    ['a key escaped twice', JSON.stringify(JSON.stringify({ pem: KEY, b: 1 })), BODY, /b/],
    ['a key without its end', `before\n${KEY.slice(0, KEY.indexOf('-----END'))}`, BODY, /^before\n/],
    [
      'a key without its beginning',
      `before it.\n${KEY.slice(KEY.indexOf(BODY[1] ?? ''))}after`,
      BODY.slice(1),
      /^before it\.[\s\S]*after$/,
    ],
    ['a key in base64', `client-key-data: ${base64(KEY)}`, [base64(KEY)], /^client-key-data: \[redacted\]$/],
    [
      'a key in base64 under an innocent name',
      `ca.bundle: "${base64(KEY)}"`,
      [base64(KEY)],
      /^ca.bundle: "\[redacted\]"$/,
    ],
    ['a key in base64 behind a path', `data/x/${base64(KEY)}`, [base64(KEY).slice(20)], /./],
    ['a key in DER', `der ${BODY.join('')}`, [BODY.join('')], /^der \[redacted\]$/],
    [
      'a kubeconfig in base64',
      base64(`users: [{user: {client-key-data: ${base64(KEY)}}}]`),
      ['dXNlcnM'],
      /^\[redacted\]$/,
    ],
    ['a bearer token', `Authorization: Bearer ${SECRET}`, [SECRET], /^Authorization: /],
    ['a bearer token of an argument', `curl -H "authorization: bearer ${SECRET}" https://a`, [SECRET], /https:\/\/a$/],
    ['a header with another scheme', `Proxy-Authorization: NTLM ${SECRET} more\nnext`, [SECRET, 'more'], /\nnext$/],
    ['a cookie', `set-cookie: sid=${SECRET}; path=/\nnext`, [SECRET], /\nnext$/],
    [
      'basic authentication',
      `got Basic ${base64(`user:${SECRET}`)} there`,
      [base64(`user:${SECRET}`)],
      /^got Basic \[redacted\] there$/,
    ],
    [
      'a bootstrap token',
      'joined with abcdef.0123456789abcdef now',
      ['0123456789abcdef'],
      /^joined with abcdef\.\[redacted\] now$/,
    ],
    [
      'a bootstrap token in JSON',
      '{"token":"abcdef.0123456789abcdef"}',
      ['0123456789abcdef'],
      /^\{"token":"\[redacted\]"\}$/,
    ],
    [
      'a bootstrap token as an argument',
      '--discovery-token=abcdef.0123456789abcdef',
      ['0123456789abcdef'],
      /^--discovery-token=/,
    ],
    ['a JSON web token', `sent ${JWT}.`, ['c2lnbmF0dXJl', 'eyJ'], /^sent \[redacted\]/],
    [
      'a JSON web token with its signature cut off',
      `sent ${JWT.split('.').slice(0, 2).join('.')}`,
      ['eyJ'],
      /^sent \[redacted\]/,
    ],
    [
      'credentials of a registry',
      `{"auths":{"r.io":{"auth":"${base64(`u:${SECRET}`)}"}}}`,
      [base64(`u:${SECRET}`)],
      /"r\.io"/,
    ],
    [
      'credentials of a registry in base64',
      `.dockerconfigjson: ${base64(`{"auths":{"r":{"auth":"${SECRET}"}}}`)}`,
      [base64('{"auths"').slice(0, 8)],
      /^.dockerconfigjson: /,
    ],
    [
      'the same in the log of a program',
      base64(`{"auths":{"r.io":{"auth":"${base64(SECRET)}"}}}`),
      ['eyJhdXRocyI6'],
      /^\[redacted\]$/,
    ],
    [
      'a password in a URL',
      `https_proxy=http://me:${SECRET}@proxy:3128/`,
      [SECRET, 'me:'],
      /^https_proxy=http:\/\/\[redacted\]@proxy:3128\/$/,
    ],
    ['a password with an @', `http://me:${SECRET}@x@proxy:3128`, [SECRET, '@x'], /^http:\/\/\[redacted\]@proxy:3128$/],
    ['a password with a slash', `http://me:${SECRET}/x@proxy:3128`, [SECRET], /@proxy:3128$/],
    ['a token as the user of a URL', `git clone https://${SECRET}@git.example/r`, [SECRET], /@git.example\/r$/],
    [
      'a proxy without a scheme',
      `HTTP_PROXY=me:${SECRET}@proxy:3128`,
      [SECRET],
      /^HTTP_PROXY=\[redacted\]@proxy:3128$/,
    ],
    [
      'a proxy in a drop-in of systemd',
      `Environment="HTTPS_PROXY=http://me:${SECRET}@proxy:1"`,
      [SECRET],
      /@proxy:1"$/,
    ],
    [
      'a token in a query',
      `GET /x?a=b&access_token=${SECRET} 200`,
      [SECRET],
      /^GET \/x\?a=b&access_token=\[redacted\] 200$/,
    ],
    ['the signature of a URL', `https://s3/o?X-Amz-Signature=${HEX}`, [HEX], /^https:\/\/s3\/o\?X-Amz-Signature=/],
    ['a certificate key as a flag', `--certificate-key ${HEX} --x`, [HEX], /^--certificate-key \[redacted\] --x$/],
    ['a certificate key as a field', `certificateKey: ${HEX}`, [HEX], /^certificateKey: \[redacted\]$/],
    [
      'a certificate key as kubeadm tells it',
      `[upload-certs] Using certificate key:\n${HEX}\n`,
      [HEX],
      /^\[upload-certs\]/,
    ],
    [
      'a password in YAML',
      `user: me\npassword: ${SECRET} with blanks\nnext: 1`,
      [SECRET, 'blanks'],
      /^user: me\npassword: \[redacted\]\nnext: 1$/,
    ],
    ['a password in a list of YAML', `- password: '${SECRET}'\n  user: me`, [SECRET], /user: me$/],
    [
      'a password of several lines',
      `a: 1\npassword: |\n  ${SECRET}\n  more\nb: 2`,
      [SECRET, 'more'],
      /^a: 1\npassword: \[redacted\]\nb: 2$/,
    ],
    [
      'a variable',
      `export DB_PASSWORD=${SECRET};x AWS_SECRET_ACCESS_KEY="${SECRET}"`,
      [SECRET],
      /^export DB_PASSWORD=/,
    ],
    ['a number', '{"password":12345678,"port":80}', ['12345678'], /password/],
    ['a list', `x tokens: ["${SECRET}", 'b'] x`, [SECRET], /x$/],
    [
      'a string of JSON in JSON',
      JSON.stringify({ msg: JSON.stringify({ password: SECRET, port: 80 }) }),
      [SECRET],
      /port\\":80/,
    ],
    ['a string with quotes in it', JSON.stringify({ password: `a"${SECRET}` }), [SECRET], /password/],
    ['the same in JSON in JSON', JSON.stringify({ msg: JSON.stringify({ password: `a"${SECRET}` }) }), [SECRET], /msg/],
    [
      'the word behind a flag',
      `tool --password ${SECRET} --verbose`,
      [SECRET],
      /^tool --password \[redacted\] --verbose$/,
    ],
    ['the element behind a flag', `["--password","${SECRET}","--x"]`, [SECRET], /"--x"\]$/],
    ['user and password of curl', `curl -u me:${SECRET} https://a`, [SECRET], /https:\/\/a$/],
    ['a pair of name and value', `{"name":"DB_PASSWORD","value":"${SECRET}"}`, [SECRET], /DB_PASSWORD/],
    ['a data source name', `dsn me:${SECRET}@tcp(db:3306)/x`, [SECRET], /@tcp\(db:3306\)\/x$/],
    ['a key of AWS', 'AKIAIOSFODNN7EXAMPLE', ['AKIAIOSFODNN7EXAMPLE'], /^\[redacted\]$/],
    ['a token of GitHub', `ghp_${'a1'.repeat(18)}`, ['a1a1'], /^\[redacted\]$/],
    [
      'a secret for encryption at rest',
      `keys:\n- name: k\n  secret: ${base64(SECRET.repeat(3))}`,
      [base64(SECRET.repeat(3))],
      /name: k/,
    ],
    [
      'a private key of WireGuard',
      `PrivateKey = ${base64('x'.repeat(32))}`,
      [base64('x'.repeat(32))],
      /^PrivateKey = /,
    ],
    ['a password behind an escaped line break', `{"log":"a\\npassword=${SECRET}"}`, [SECRET], /^\{"log":"a/],
    ['a password behind a tab in JSON in JSON', `"a\\\\tpassword=${SECRET}"`, [SECRET], /^"a/],
    ['what Go makes of a query', `"/x?a=b\\u0026sig=${SECRET}\\u0026b=c"`, [SECRET], /^"\/x\?a=b/],
    ['a token in such a query', `"/x?a=b\\u0026token=${SECRET}"`, [SECRET], /^"\/x\?a=b/],
    ['a flag behind an escaped line break', `"a\\n--password ${SECRET}"`, [SECRET], /^"a/],
    ['a bearer token behind one', `"a\\nbearer ${SECRET}"`, [SECRET], /^"a/],
    ['a bootstrap token behind one', '"a\\nabcdef.0123456789abcdef"', ['0123456789abcdef'], /^"a/],
    ['a key of AWS behind one', '"a\\nAKIAIOSFODNN7EXAMPLE"', ['AKIAIOSFODNN7EXAMPLE'], /^"a/],
    ['user and password in one word of curl', `curl -ume:${SECRET} https://a`, [SECRET], /https:\/\/a$/],
    ['a URL with its slashes escaped', `"https:\\/\\/me:${SECRET}@h\\/x"`, [SECRET], /@h/],
    ['a password with an apostrophe', `postgres://app:o'${SECRET}@db/x`, [SECRET], /^postgres:\/\/\[redacted\]@db\/x$/],
    ['the same in a sentence', `dial "amqp://a'b:o'${SECRET}@mq:5672/" failed`, [SECRET], /@mq:5672\/" failed$/],
    ['a user with an apostrophe', `https://o'${SECRET}@h/x`, [SECRET], /@h\/x$/],
    [
      'URLs in single quotes',
      `'amqp://a:${SECRET}@mq:1','https://h:6443/x','me@example.org'`,
      [SECRET],
      /^'amqp:\/\/\[redacted\]@mq:1','https:\/\/h:6443\/x','me@example.org'$/,
    ],
    [
      'a password without a user',
      `redis://:pa/${SECRET}@host:6379`,
      [SECRET, 'pa/'],
      /^redis:\/\/\[redacted\]@host:6379$/,
    ],
    [
      'a password that begins like a port',
      `https://u:123/${SECRET}@h x`,
      [SECRET, '123'],
      /^https:\/\/\[redacted\]@h x$/,
    ],
    ['a data source name with a slash', `dsn me:p@/'${SECRET}@tcp(db:3306)/x`, [SECRET], /@tcp\(db:3306\)\/x$/],
    ['a password with @ and slash', `postgres://me:p@ss/${SECRET}@h/db`, [SECRET], /@h\/db$/],
    [
      'a hook of Slack',
      'https://hooks.slack.com/services/T0000/B0000/XXXXsecret',
      ['XXXXsecret', 'B0000'],
      /^https:\/\/hooks\.slack\.com/,
    ],
    ['a key of Stripe', `sk_live_${'a1'.repeat(12)}`, ['a1a1'], /^\[redacted\]$/],
    ['a key of Google', `AIza${'Sy'.repeat(17)}x`, ['SySy'], /^\[redacted\]$/],
    ['a token of Vault', `hvs.${'Ab'.repeat(12)}`, ['AbAb'], /^\[redacted\]$/],
    [
      'a block with an indentation',
      `a: 1\npassword: |2-\n   ${SECRET}\nb: 2`,
      [SECRET],
      /^a: 1\npassword: \[redacted\]\nb: 2$/,
    ],
    ['a block with a note', `password: | # note: x\n  ${SECRET}\nb: 2`, [SECRET], /^password: \[redacted\]\nb: 2$/],
    [
      'a value on the next line',
      `password:\n  ${SECRET} and\n  ${SECRET}\nb: 2`,
      [SECRET],
      /^password:\n {2}\[redacted\]\nb: 2$/,
    ],
    ['a list below a name', `tokens:\n- ${SECRET}\n- ${SECRET}x\nb: 2`, [SECRET], /^tokens:\n- \[redacted\]\nb: 2$/],
    ['an array of several lines', `X-Registry-Token = [\n  "${SECRET}"\n]\nb = 2`, [SECRET], /b = 2$/],
    ['a variable with a number', `DB_PASSWORD2=${SECRET} APIKEY1=${SECRET} ACCESSTOKEN2=${SECRET}`, [SECRET], /^DB_P/],
    ['a variable with an index', `password[0]=${SECRET} tokens["a"] = '${SECRET}' x`, [SECRET], / x$/],
    [
      'a password of a proxy',
      `PROXY_PASSWORD=${SECRET} HTTP_PROXY_PASS=${SECRET} http_proxy_auth=${SECRET}`,
      [SECRET],
      /./,
    ],
    ['the same in JSON', `{"proxy_password":"${SECRET}","b":1}`, [SECRET], /"b":1/],
    ['the same in YAML', `proxyPassword: ${SECRET}\nb: 1`, [SECRET], /\nb: 1$/],
    [
      'a flag with quotes',
      `tool --password '${SECRET} x' --token "${SECRET}" --v`,
      [SECRET],
      /^tool --password '\[redacted\]' .* --v$/,
    ],
    ['a flag in the words of a shell', `["sh","-c","tool --password '${SECRET}' -v"]`, [SECRET], / -v"\]$/],
    ['the same in JSON in JSON', JSON.stringify(`["--password","${SECRET}"] x`), [SECRET], /x"$/],
    ['an element that looks like a flag', `["--password","-${SECRET}"]`, [SECRET], /^\["--password"/],
    ['an item below a flag', `args:\n- --password\n- ${SECRET} x\n- y`, [SECRET], /\n- y$/],
    ['a value in braces', `password={${SECRET}} x`, [SECRET], / x$/],
    ['a value behind a brace', `password: {${SECRET}\nb: 1`, [SECRET], /\nb: 1$/],
    ['an object below a name', `{"password":{"v":"${SECRET}","w":{"x":"}${SECRET}"}},"b":1}`, [SECRET], /"b":1\}$/],
    ['a map of Go', `x Secrets:map[a:${SECRET} b:${SECRET}] x`, [SECRET], / x$/],
    ['a variable in quotes', `Environment="DB_PASSWORD=correct horse battery" "A=b"`, ['horse', 'battery'], /"A=b"$/],
    ['the same within JSON', JSON.stringify({ a: ['DB_PASSWORD=correct horse'], b: 1 }), ['horse'], /"b":1\}$/],
    ['a hash of Ruby', `password => "${SECRET}", b => 1`, [SECRET], /b => 1$/],
    ['a comparison', `x password == ${SECRET} x`, [SECRET], / x$/],
    ['quotes within quotes of YAML', `password: 'it''s ${SECRET}'\nb: 1`, [SECRET], /\nb: 1$/],
    ['quotes beside quotes of a shell', `PASSWORD='a'"${SECRET} x"b c`, [SECRET, 'xb'], / c$/],
    ['a value that begins with none', `password: ~\n  ${SECRET}\nb: 1`, [SECRET], /\nb: 1$/],
    ['a value that goes on', `password: abc\n  ${SECRET}\nb: 1`, [SECRET, 'abc'], /\nb: 1$/],
    ['a value in quotes that goes on', `password: "abc\n  ${SECRET}"\nb: 1`, [SECRET, 'abc'], /\nb: 1$/],
    ['a list that goes on', `password: [a,\n  ${SECRET}]\nb: 1`, [SECRET], /\nb: 1$/],
    ['bytes in YAML', `password: !!binary |\n  ${base64(SECRET)}\nb: 1`, [base64(SECRET).slice(0, 8)], /\nb: 1$/],
    ['a mapping below a name', `token:\n  value: ${SECRET}\n  more:\n  - ${SECRET}\nb: 1`, [SECRET], /\nb: 1$/],
    ['a text of several lines of TOML', `password = '''\n${SECRET}\n'''\nb = 1`, [SECRET], /\nb = 1$/],
    ['a setting with blanks', `password = correct horse\nb = 1`, ['horse'], /\nb = 1$/],
    ['a header that nginx sets', `proxy_set_header X-Api-Key "${SECRET}";`, [SECRET], /;$/],
    ['a pair with values', `{Name: DB_PASSWORD, Values: ["${SECRET}"], b: 1}`, [SECRET], /b: 1\}$/],
    ['a pair on two lines', `- name: DB_PASSWORD\n  value: correct horse\n- b`, ['horse'], /- b$/],
    ['a digest', `Authorization: Digest username="a", response="${SECRET}"\nb`, [SECRET], /\nb$/],
    ['a token and what follows it', `password: ${JWT} ${SECRET}\nb`, [SECRET], /\nb$/],
    [
      'keys whose names are one word',
      ['ENCRYPTIONKEY', 'signingkey', 'clientkey', 'masterkeys', 'sshkey2'].map(name => `${name}=${SECRET}`).join(' '),
      [SECRET],
      /^ENCRYPTIONKEY=\[redacted\] signingkey=/,
    ],
    [
      'the words of a command that timed out, in the log of the kubelet',
      `a\n${JSON.stringify({ level: 40, because: `PostStartHook of main failed: command timed out: "cli -a ${SECRET} "x" timed out after ${SECRET}" timed out after 1s`, msg: 'm' })}\nb`,
      [SECRET],
      /PostStartHook of main failed: command timed out: \[left out\] timed out after 1s","msg":"m"\}\nb$/,
    ],
    [
      'the same with its end cut off',
      `a command timed out: "cli ${SECRET}\nb`,
      [SECRET],
      /^a command timed out: \[left out\]\nb$/,
    ],
    [
      'the output of a hook there',
      JSON.stringify({ because: `PostStartHook of main failed: said "${SECRET}"\nand ${SECRET}`, msg: 'm' }),
      [SECRET],
      /PostStartHook of main failed: \[left out\]","msg":"m"\}$/,
    ],
    ['a bearer', `bearer=${SECRET} x`, [SECRET], / x$/],
    ['a bearer in JSON', `{"bearer":"${SECRET}","b":1}`, [SECRET], /"b":1\}$/],
    ['a query in a query', `/login?next=%2Fx%3Ftoken%3D${SECRET} x`, [SECRET], /^\/login\?next=%2Fx%3Ftoken%3D.* x$/],
    ['a name behind the escape of a query', `/login?next=%2Fx%26sig%3d${SECRET} x`, [SECRET], / x$/],
    ['a query in a query in a query', `?a=%253Fb%253D1%2526sig%253D${SECRET} x`, [SECRET], / x$/],
    ['JSON in a query', `?a=%7B%22password%22%3A%22${SECRET}%22%7D x`, [SECRET], / x$/],
    ['an equals sign with its escape', `"password\\u003d${SECRET} more" x`, [SECRET, 'more'], /" x$/],
    ['the same in a text', `a password\\u003D${SECRET} x`, [SECRET], /^a password.* x$/],
    ['an arrow with its escape', `a password =\\u003e ${SECRET} x`, [SECRET], / x$/],
    [
      'an element of XML',
      `<a><password>${SECRET} b</password><c>d</c></a>`,
      [SECRET],
      /^<a><password>\[redacted\]<\/password><c>d<\/c><\/a>$/,
    ],
    ['one with attributes', `<db:password type="x">\n  ${SECRET} b\n</db:password> c`, [SECRET], /<\/db:password> c$/],
    [
      'one with its escapes',
      JSON.stringify(`<token>${SECRET} b</token> c`).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e'),
      [SECRET],
      / c"$/,
    ],
    ['one without its end', `<password>${SECRET}`, [SECRET], /^<password>\[redacted\]$/],
    [
      'a key of several headers without its end',
      `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n${BODY.join('\n')}`,
      BODY,
      /^\[redacted\]$/,
    ],
    [
      'a key of PGP without its end',
      `-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n${BODY.join('\n')}`,
      BODY,
      /^\[redacted\]$/,
    ],
  ] as const)('has nothing of %s', (_what, text, gone, kept) => {
    const left = redactText(text);
    for (const secret of gone) expect(left).not.toContain(secret);
    expect(left).toMatch(kept);
    expect(redactText(left)).toBe(left);
  });

  it.each([
    'Jun 01 12:00:00 node gantry-node[77]: {"level":30,"component":"kubelet","pod":"default/web-5d4f","msg":"pod started"}',
    'image: docker.io/library/busybox@sha256:9ae97d36d26566ff84e8893c64a6dc4fe8ca6d1144bf5b87b2b85a32def253c7',
    '9ae97d36d26566ff84e8893c64a6dc4fe8ca6d1144bf5b87b2b85a32def253c7   busybox   Running',
    '--discovery-token-ca-cert-hash sha256:9ae97d36d26566ff84e8893c64a6dc4fe8ca6d1144bf5b87b2b85a32def253c7',
    '--service-account-key-file=/etc/kubernetes/pki/sa.pub --enable-bootstrap-token-auth=true --token-ttl=24h',
    'volumes:\n- name: creds\n  secret:\n    secretName: db\n  automountServiceAccountToken: false',
    'imagePullSecrets: [{name: registry}]'.replace('[{', '{').replace('}]', '}'),
    'apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls',
    'failed to get secret "db": secrets "db" not found',
    'inet 10.244.0.1/24 brd 10.244.0.255 scope global gantry0',
    'https://10.0.0.1:6443/api/v1/namespaces/default/pods?limit=500',
    `https://registry:5000/v2/app@sha256:${'9a'.repeat(32)} was pulled`,
    "it's at https://10.0.0.1:6443/x?y#z, as me@example.org says",
    'usage: gantry join <token> [flags]',
    'next=%3Fpage%3D2 a\\u003db <name>web</name> <Vec<token>> the bearer; a monkey=1 turkey=2',
    '{"because":"PreStopHook failed: HTTP probe failed with statuscode: 503","msg":"m"}',
    '{"because":"PreStopHook failed: dial tcp 10.0.0.1:80: connection refused","msg":"m"}',
    'email me@example.org about https://example.org/@scope/package@1.0',
    '-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIQ\n-----END CERTIFICATE-----',
    'subject: CN=system:node:one, O=system:nodes',
    'token expired at 12:00; password must be changed; the secret is out',
    'tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token',
    'HTTP_PROXY=http://proxy:3128 NO_PROXY=10.0.0.0/8,.svc',
    '"secret":{"secretName":"db"},"imagePullSecrets":[]',
    'failed to get token: context deadline exceeded'.replace('token: ', 'token; '),
    'table ip gantry { chain x { ip saddr 10.0.0.0/8 counter packets 1 bytes 60 accept } }',
  ])('leaves as it is: %s', text => {
    expect(redactText(text)).toBe(text);
  });

  // 16 KiB take some 10 ms of CPU where work grows with the length, and a second where it grows with its square
  it.each([
    'a-',
    'a=',
    'password=',
    'password=x ',
    'password=x&',
    'password: [redacted]@',
    'proxy=[redacted]@',
    'token=[\n',
    'eyJ',
    '-----BEGIN PRIVATE KEY-----',
    '-----END PRIVATE KEY-----',
    'x proxy',
    'http://',
    'a:b@',
    'a://b:',
    "a://b:'@",
    "'a://:@sha256:",
    'a:@tcp',
    '12 34 ',
    '\\"',
    'LS0tLS1CRUdJTi',
    '--a ',
    '.-a',
    "password='",
    '-u=',
    '- - ',
    'basic ',
    'bearer ',
    'key ',
    'token:\n ',
    'command timed out: ',
    ' timed out after ',
    'PreStopHook failed: ',
    'PreStopHook of ',
    '<token>',
    '<token ',
    '\\u003ctoken>',
    '%3Ftoken%3D',
    'a%25',
    'token\\u003d',
  ])(
    'works in proportion to its length: %j again and again',
    piece => {
      const before = process.cpuUsage().user;
      redactText(piece.repeat((1 << 14) / piece.length));
      expect(process.cpuUsage().user - before).toBeLessThan(500_000);
    },
    60_000,
  );

  // 12 KiB take some 5 ms of CPU where work grows with the length, and half a second or more where it grows with its square
  it.each([
    '',
    'a:\nx:',
    'password',
    'password:',
    'password:\n',
    'password: ',
    'password: x\n',
    'password: |\n',
    'password=',
    '"password=',
    'password["',
    'password[',
    'password={',
    'password%3D',
    'password\\u003d',
    '<password',
    '<password>',
    'password=["',
    'password=x(',
    'password="',
    "password='''",
    'password="a"',
    'name: password',
    'name: password, value: ',
    '--password',
    '--password ',
    '--password"',
    'X-Api-Key',
    'authorization: ',
    'authorization: a="',
    'proxy=',
    'proxy=a@',
    'http://',
    'http://a:',
    'a:b',
    '-u ',
    '-u a:',
    'bearer ',
    'basic ',
    'certificate key',
    'eyJ',
    'eyJhbGciOiJSUzI1NiJ9.',
    'LS0tLS1CRUdJTi',
    'hooks.slack.com/services/',
    'abcdef.0123456789abcde',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN PRIVATE KEY-----\nA',
    '-----END PRIVATE KEY-----',
    'name=',
    'name=a',
    'name=a"',
    '-u"',
    'cookie',
    'cookie:',
    'a://b',
    'a://b:',
    "a://b:'",
    "'a://:@",
    'a:b@tcp',
  ])(
    'works in proportion to its length: %j before whatever is long',
    head => {
      const slow: string[] = [];
      for (const filler of [' ', '\n', '\\', '\\n', '"', "'", '@', 'a', '1', '[', '- ']) {
        const before = process.cpuUsage().user;
        redactText(`${head}${filler.repeat((12 << 10) / filler.length)}y\n`);
        if (process.cpuUsage().user - before > 400_000) slow.push(JSON.stringify(filler));
      }
      expect(slow).toEqual([]);
    },
    300_000,
  );

  it('ends for 1 MiB of what was slow', () => {
    const line = (head: string, filler: string): string => `${head}${filler.repeat(32_768)}x\n`;
    redactText(
      [line('name=a', ' '), line('name=a', '\\'), line('certificate key', '\\'), line('token=a ', 'token=a ')]
        .join('')
        .repeat(3),
    );
  }, 300_000);

  it('has nothing of what stands behind a name of a secret, whatever is around it', { timeout: 120_000 }, () => {
    const word = fc.stringMatching(/^[A-Za-z0-9+/=_-]{12,40}$/).map(text => `Zq${text}`);
    const noise = fc
      .string({ unit: 'grapheme-ascii', maxLength: 60 })
      .map(text => text.replace(/["'\\[\]{}:=@]/g, ' '));
    const name = fc.constantFrom(
      'password',
      'DB_PASSWORD',
      'client-secret',
      'apiToken',
      'registry.auth.token',
      '--bearer-token',
    );
    const form = fc.constantFrom(
      (n: string, v: string) => `${n}=${v}`,
      (n: string, v: string) => `${n}: ${v}`,
      (n: string, v: string) => JSON.stringify({ [n]: v }),
      (n: string, v: string) => JSON.stringify(JSON.stringify({ [n]: v })),
      (n: string, v: string) => `{${n}: '${v}'}`,
      (n: string, v: string) => `${n} = "${v}"`,
    );
    fc.assert(
      fc.property(noise, name, form, word, noise, (head, key, write, secret, tail) => {
        const text = `${head}\n ${write(key, secret)} ${tail}`;
        const left = redactText(text);
        return !left.includes(secret) && redactText(left) === left;
      }),
      { seed: 20261129, numRuns: 2000 },
    );
  });
});

describe('the name of a secret', () => {
  it.each([
    'password',
    'clientKeyData',
    'client-key-data',
    'AWS_SECRET_ACCESS_KEY',
    'tls.key',
    '--token',
    'auth',
    'X-Api-Key',
    'identitytoken',
    'certificateKey',
    'DB_PASS',
    'privateKey',
    'refresh_token',
    'PGPASSWORD',
    'SSHPASS',
    'requirepass',
    'masterauth',
    'dbpassword',
    'adminpassword',
    'authtoken',
    'secretkey',
    'accountkey',
    'restuserkey',
    'bindpw',
    'TS_AUTH_KEY',
    'X-Auth-Key',
    'LICENSE_KEY',
    'HMAC_KEY',
    'APP_KEY',
    'password_hash',
    'ENCRYPTIONKEY',
    'signingkey',
    'clientkey',
    'masterkey',
    'myLicenseKeys',
    'sharedkey2',
    'bearer',
  ])('is %s', name => {
    expect(isSecretName(name)).toBe(true);
  });

  it.each([
    'secretName',
    'tokenFile',
    'imagePullSecret.name',
    'author',
    'authentication',
    'client-ca-file',
    'tokenExpirationSeconds',
    'passthrough',
    'key',
    'token-ttl',
    'compass',
    'tls-cert-file',
    'secretKeyRef',
    'signature-count',
    'bypass',
    'auth-mode',
    'discovery-token-ca-cert-hash',
    'monkey',
    'mapkey',
    'clientkey-file',
    'bearer-methods',
  ])('is not %s', name => {
    expect(isSecretName(name)).toBe(false);
  });
});
