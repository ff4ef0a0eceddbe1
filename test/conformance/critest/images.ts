import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import {
  type BuiltImage,
  type BuiltLayer,
  buildImage,
  buildLayer,
  type LayerEntry,
} from '../../harness/image-builder.ts';
import type { CritestPrograms } from './programs.ts';

/** Every image that critest 1.36 pulls, by upstream's name, built from Debian's files. The one that it names by a foreign digest cannot be. */
export async function critestImages(programs: CritestPrograms): Promise<ReadonlyMap<string, BuiltImage>> {
  const busybox = await buildLayer(busyboxEntries(programs.busybox));
  const images = new Map<string, BuiltImage>();
  const put = (name: string, layers: readonly BuiltLayer[], config: object = {}): void => {
    images.set(name, buildImage(layers, { Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'], ...config }));
  };

  put(`${E2E}/busybox:1.29-2`, [busybox]);
  const nginx = await buildLayer(nginxEntries(programs.nginx));
  const serve = { Cmd: ['/usr/sbin/nginx', '-c', '/etc/nginx.conf'] };
  put(`${E2E}/nginx:1.14-2`, [busybox, nginx, await buildLayer([nginxConfig(80)])], serve);
  put(`${STAGING}/hostnet-nginx-${GOARCH}`, [busybox, nginx, await buildLayer([nginxConfig(12003)])], serve);
  put(`${E2E}/httpd:2.4.39-4`, [busybox, await buildLayer([file('www/index.html', 'httpd\n')])], {
    Cmd: ['sh', '-c', 'echo httpd serves; exec httpd -f -p 80 -h /www'],
  });
  const setuid: LayerEntry = [{ name: 'nonewprivs', mode: 0o4755 }, readFileSync(programs.nonewprivs)];
  put(`${E2E}/nonewprivs:1.3`, [await buildLayer([setuid])], { Entrypoint: ['/nonewprivs'] });

  for (const [suffix, user] of USERS) put(`${STAGING}/test-image-user-${suffix}`, [busybox], { User: user });
  put(`${STAGING}/test-image-predefined-group`, [busybox, await buildLayer(predefinedGroup())], { User: '1000' });

  for (const name of MARKED) put(`${STAGING}/${name}`, [busybox, await buildLayer([file(name, name)])]);
  const tagged = await buildLayer([file('test-image-tags', 'tags')]);
  for (const tag of ['1', '2', '3']) put(`${STAGING}/test-image-tags:${tag}`, [busybox, tagged]);
  const pause = await buildLayer([[{ name: 'pause', mode: 0o755 }, readFileSync(realpathSync('/usr/bin/catatonit'))]]);
  for (const registry of ['registry.k8s.io', 'k8s.gcr.io'])
    put(`${registry}/pause:3.9`, [pause], { Entrypoint: ['/pause', '-P'] });
  return images;
}

const E2E = 'registry.k8s.io/e2e-test-images';
const STAGING = 'gcr.io/k8s-staging-cri-tools';
const GOARCH = { x64: 'amd64' }[process.arch as string] ?? process.arch;

const USERS = [
  ['uid', '1002'],
  ['username', 'www-data'],
  ['uid-group', '1003:1004'],
  ['username-group', 'www-data:1004'],
] as const;

/** Images that differ by a file of their name alone. */
const MARKED = [
  'test-image-latest',
  'test-image-tag:test',
  'test-image-tag:all',
  'test-image-1:latest',
  'test-image-2:latest',
  'test-image-3:latest',
];

const file = (name: string, content: string | Buffer, mode = 0o644): LayerEntry => [{ name, mode }, content];
const directory = (name: string, mode = 0o755): LayerEntry => [{ name: `${name}/`, type: 'directory', mode }];
const symlink = (name: string, linkname: string): LayerEntry => [{ name, type: 'symlink', linkname }];
const hardLink = (name: string, linkname: string): LayerEntry => [{ name, type: 'link', linkname }];

/** Debian's busybox with its applets, and the two programs of upstream's that it lacks. */
function busyboxEntries(busybox: string): LayerEntry[] {
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean);
  return [
    ...['bin', 'dev', 'etc', 'lib', 'proc', 'root', 'run', 'sys', 'usr', 'usr/sbin', 'var', 'www'].map(name =>
      directory(name),
    ),
    directory('tmp', 0o1777),
    symlink('usr/bin', '../bin'),
    symlink('lib64', 'lib'),
    symlink('var/run', '../run'),
    ...programEntries(busybox, 'bin/busybox'),
    // Hard links as upstream's: a spec masks /bin/ls, and nothing else may be hidden with it.
    ...applets.filter(applet => applet !== 'busybox').map(applet => hardLink(`bin/${applet}`, 'bin/busybox')),
    file('bin/pgrep', '#!/bin/sh\nexec pidof "$@"\n', 0o755),
    ...programEntries('/usr/bin/ipcs', 'bin/ipcs'),
    file(
      'etc/passwd',
      'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n',
    ),
    file('etc/group', 'root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n'),
  ];
}

/** A dynamic program with the libraries that it asks for. */
function programEntries(path: string, name: string): LayerEntry[] {
  const libraries = [...execFileSync('ldd', [path], { encoding: 'utf8' }).matchAll(/(?:=> )?(\/\S+) \(0x/g)];
  return [
    file(name, readFileSync(path), 0o755),
    ...libraries.map(([, library = '']) => file(`lib/${library.split('/').at(-1)}`, readFileSync(library), 0o755)),
  ];
}

function nginxEntries(program: string): LayerEntry[] {
  return [
    ...programEntries(program, 'usr/sbin/nginx'),
    directory('var/lib'),
    directory('var/lib/nginx'),
    directory('var/log'),
    directory('var/log/nginx'),
    file('www/index.html', 'served by nginx\n'),
  ];
}

const nginxConfig = (port: number): LayerEntry =>
  file(
    'etc/nginx.conf',
    [
      'user www-data;',
      'worker_processes 1;',
      'daemon off;',
      'pid /var/run/nginx.pid;',
      'error_log stderr;',
      'events {}',
      `http { access_log off; server { listen ${port}; root /www; } }`,
      '',
    ].join('\n'),
  );

/** User 1000 belongs to group 50000 in the image. */
function predefinedGroup(): LayerEntry[] {
  return [
    file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\ndefault-user:x:1000:1000::/home:/bin/sh\n'),
    file('etc/group', 'root:x:0:\ndefault-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n'),
  ];
}
