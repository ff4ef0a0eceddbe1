import { describe, expect, it } from 'vitest';
import { redactSettings } from '../../../../src/diagnosis/redaction/settings.ts';

const S = 'hunter2-Zq9';

describe('units and files of variables without what anybody wrote into them', () => {
  it.each([
    ['[Service]\nRestart=always\nReadWritePaths=-/x', '[Service]\nRestart=always\nReadWritePaths=-/x'],
    [`# ${S}\n; ${S}\n# /etc/systemd/system/a.service`, '# [left out]\n# [left out]\n# /etc/systemd/system/a.service'],
    [
      `Environment="DB_PASSWORD=correct ${S}" A=${S} GANTRY_LOG_LEVEL=debug`,
      'Environment=DB_PASSWORD=[redacted] A=[redacted] GANTRY_LOG_LEVEL=debug',
    ],
    ['ExecStart=/usr/bin/gantry run node --a=b $GANTRY_ARGS', 'ExecStart=/usr/bin/gantry run node --a=b $GANTRY_ARGS'],
    [`ExecStartPre=/bin/sh -c "login ${S}" \\\n  ${S}\nUser=a`, 'ExecStartPre=/bin/sh [left out]\nUser=a'],
    [`ExecStart={ path=/bin/sh ; argv[]=/bin/sh ${S} }`, 'ExecStart=[left out]'],
    [
      `Description=${S}\nX-Note=${S}\nSetCredential=a:${S}`,
      'Description=[left out]\n[left out]\nSetCredential=[redacted]',
    ],
    [`HTTPS_PROXY=http://me:${S}@proxy:3128`, 'HTTPS_PROXY=http://[redacted]@proxy:3128'],
    [`https_proxy=me:${S}@proxy:3128\nNO_PROXY=.svc`, 'https_proxy=[redacted]@proxy:3128\nNO_PROXY=.svc'],
    [`GANTRY_EXTRA_ARGS="--v=2 --token=${S}"`, 'GANTRY_EXTRA_ARGS="--v=2 --token=[redacted]"'],
    [`DB=${S}\nexport E=${S}\nF="a\n${S}"`, 'DB=[redacted]\nE=[redacted]\nF=[redacted]\n[left out]'],
  ])('makes of %j what is harmless', (text, left) => {
    expect(redactSettings(text, 'unit')).toBe(left);
    expect(redactSettings(left, 'unit')).toBe(left);
  });

  it.each([
    [
      `Mykey=${S}\nRestart=${S}\nExecStart=/bin/${S}\nEnvironment=A=${S}`,
      'Mykey=[redacted]\nRestart=[redacted]\nExecStart=[redacted]\nEnvironment=[redacted]',
    ],
    [
      `# ${S}\nexport GANTRY_LOG_LEVEL=debug\nDB=${S}\nNO_PROXY=.svc`,
      '# [left out]\nGANTRY_LOG_LEVEL=debug\nDB=[redacted]\nNO_PROXY=.svc',
    ],
  ])('makes of the variables %j, whose names are no fields of units, what is harmless', (text, left) => {
    expect(redactSettings(text, 'variables')).toBe(left);
    expect(redactSettings(left, 'variables')).toBe(left);
  });
});
