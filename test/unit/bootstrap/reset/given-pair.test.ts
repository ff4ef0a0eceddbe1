import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withoutGivenPair } from '../../../../src/bootstrap/reset/elsewhere/given-pair.ts';
import { planElsewhere } from '../../../../src/bootstrap/reset/elsewhere/plan.ts';
import { CERT_DIR_CONTENTS, POD_LOGS_CONTENTS, ROOT_DIR_CONTENTS } from '../../../../src/kubelet/pod-paths.ts';
import { servingCertificate } from '../../../../src/kubelet/serve/serving-certificate.ts';
import { selfSignedCertificate } from '../../../../src/pki/certificate.ts';
import { generateKey } from '../../../../src/pki/keys.ts';

const RENEWED = 'kubelet-client-current.pem';
let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'given-pair-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function taken(directory: string, contents: typeof CERT_DIR_CONTENTS | typeof ROOT_DIR_CONTENTS): readonly string[] {
  const place = withoutGivenPair({ directory, what: 'keys', ...contents });
  const list = (at: string) => [at, readdirSync(at)] as const;
  const entries = new Map([list(root), ...(directory === root ? [] : [list(directory)])]);
  if (readdirSync(directory).includes('pki')) entries.set(...list(`${directory}/pki`));
  return planElsewhere([place], entries).flatMap(({ kind, path }) =>
    kind === 'tree' ? [path.slice(root.length)] : [],
  );
}

function put(directory: string, certificate: string): void {
  mkdirSync(directory, { recursive: true });
  for (const name of [RENEWED, 'kubelet.key']) writeFileSync(join(directory, name), '');
  writeFileSync(join(directory, 'kubelet.crt'), certificate);
}

function ofAnAdmin(commonName: string): string {
  const key = generateKey();
  const dates = { notBefore: new Date(0), notAfter: new Date(2e12) };
  const subject = { commonName, organizations: [] };
  return selfSignedCertificate({ subject, publicKey: key, ...dates, keyUsages: ['digitalSignature'] }, key).toString();
}

describe("the kubelet's serving pair in a directory that somebody has chosen", () => {
  it('goes where the kubelet has made it', () => {
    servingCertificate(root, { name: 'n1', ips: ['10.0.0.1'] }, 1.8e12);
    writeFileSync(join(root, RENEWED), '');
    expect(taken(root, CERT_DIR_CONTENTS)).toEqual([`/${RENEWED}`, '/kubelet.crt', '/kubelet.key']);
  });

  it.each([
    ['is of a CA of the admin', ofAnAdmin('n1')],
    ['is signed by itself, whatever its name', ofAnAdmin('node@12')],
    ['is no certificate', 'x'],
  ])('stays where it %s', (_what, certificate) => {
    put(root, certificate);
    expect(taken(root, CERT_DIR_CONTENTS)).toEqual([`/${RENEWED}`]);
    put(`${root}/pki`, certificate);
    expect(taken(root, ROOT_DIR_CONTENTS)).toEqual([`/pki/${RENEWED}`]);
  });

  it('stays where it is a link, wherever that leads', () => {
    put(root, '');
    rmSync(join(root, 'kubelet.crt'));
    symlinkSync('/etc/ssl/kubelet.crt', join(root, 'kubelet.crt'));
    expect(taken(root, CERT_DIR_CONTENTS)).toEqual([`/${RENEWED}`]);
  });

  it('goes where a kubelet or a reset was killed between the key and the certificate', () => {
    put(root, '');
    rmSync(join(root, 'kubelet.crt'));
    expect(taken(root, CERT_DIR_CONTENTS)).toEqual([`/${RENEWED}`, '/kubelet.key']);
  });

  it('is no matter in other places', () => {
    const place = { directory: root, what: 'logs', ...POD_LOGS_CONTENTS };
    expect(withoutGivenPair(place)).toEqual(place);
  });
});
