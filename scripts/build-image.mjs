#!/usr/bin/env node
// Builds test and demo images from Debian's own files into an OCI image layout (a directory) or archive (a tar of it). The same input gives the same bytes.
//   node scripts/build-image.mjs busybox localhost/busybox:1.35 --dir OUT | --archive OUT.tar
// Kinds: busybox (Debian's static busybox with its applets), web (busybox, serving on 8080 which image and pod it is), pause (catatonit -P),
// database and front-end (scripts on busybox: one keeps lines, the other shows them), big (busybox and 100 MB that gzip cannot shrink),
// layered (300 MB that gzip cannot shrink, in eight layers of large and small files).
import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const ARCHITECTURE = { x64: 'amd64', arm64: 'arm64' }[process.arch] ?? process.arch;

/** One ustar header. Names are short here, so neither prefix nor pax records are needed. */
function tarHeader({ name, mode, size = 0, type = '0', link = '' }) {
  const header = Buffer.alloc(512);
  if (Buffer.byteLength(name) > 100 || Buffer.byteLength(link) > 100) throw new Error(`name too long for tar: ${name}`);
  header.write(name, 0);
  header.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(link, 157);
  header.write('ustar\0' + '00', 257);
  header.write('root', 265);
  header.write('root', 297);
  const sum = header.reduce((a, b) => a + b, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function tar(entries) {
  const parts = [];
  for (const entry of entries) {
    const content = entry.content ?? Buffer.alloc(0);
    parts.push(
      tarHeader({ ...entry, size: content.length }),
      content,
      Buffer.alloc((512 - (content.length % 512)) % 512),
    );
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

const dir = (name, mode = 0o755) => ({ name: `${name}/`, mode, type: '5' });
const file = (name, content, mode = 0o644) => ({ name, mode, content: Buffer.from(content) });
const script = (name, ...lines) => file(name, ['#!/bin/sh', ...lines, ''].join('\n'), 0o755);
const symlink = (name, link) => ({ name, mode: 0o777, type: '2', link });

function readStaticBinary(path, debianPackage) {
  let real;
  try {
    real = realpathSync(path);
  } catch {
    throw new Error(`${path} is missing: install the Debian package ${debianPackage}`);
  }
  const bytes = readFileSync(real);
  if (bytes.includes('/ld-linux') || bytes.includes('/ld64.so'))
    throw new Error(`${path} is not a static program: install the Debian package ${debianPackage}`);
  return bytes;
}

function busyboxEntries() {
  const binary = readStaticBinary('/usr/bin/busybox', 'busybox-static');
  const applets = execFileSync('/usr/bin/busybox', ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean).sort();
  return [
    dir('bin'),
    file('bin/busybox', binary, 0o755),
    ...applets.filter(a => a !== 'busybox').map(a => symlink(`bin/${a}`, 'busybox')),
    dir('etc'),
    file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n'),
    file('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
    dir('root', 0o700),
    dir('tmp', 0o1777),
    dir('usr'),
    symlink('usr/bin', '../bin'),
    dir('var'),
    dir('www'),
    file('www/index.html', 'hello from a pod\n'),
  ];
}

/**
 * A web server as well behaved as those of Go: asked to end, it takes no more connections and answers those that it has. With DRAIN_SECONDS it goes on taking them for
 * so long before. As process 1 it has to ask for the signal.
 */
function webEntries(reference) {
  return [
    file(
      'bin/serve',
      `#!/bin/sh
echo "${reference.split(':').at(-1)} $(hostname)" >/www/index.html
ending() {
  echo "ending"
  sleep "\${DRAIN_SECONDS:-0}"
  kill $server
  while pidof httpd >/dev/null; do sleep 0.1; done
  exit 0
}
trap ending TERM
httpd -f -p 8080 -h /www &
server=$!
echo "serving $(cat /www/index.html)"
while kill -0 $server; do wait $server; done
exit 1
`,
      0o755,
    ),
    dir('www/cgi-bin'),
    file(
      'www/cgi-bin/slow',
      "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\nsleep 0.5\ncat /www/index.html\n",
      0o755,
    ),
  ];
}

/** Keeps the lines that are posted to it, in memory of its container, and gives them back: to the user that its environment names, and nobody else. */
function databaseEntries() {
  return [
    script(
      'bin/database',
      'set -u',
      'echo "/:$DATABASE_ROOT_USERNAME:$DATABASE_ROOT_PASSWORD" >/etc/httpd.conf',
      'echo "waiting for connections on port 27017"',
      'exec httpd -f -v -p 27017 -r database -h /srv',
    ),
    dir('srv'),
    dir('srv/cgi-bin'),
    script(
      'srv/cgi-bin/lines',
      "printf 'Content-Type: text/plain\\r\\n\\r\\n'",
      'touch /tmp/lines',
      '[ "$REQUEST_METHOD" != POST ] || { head -c "$CONTENT_LENGTH"; echo; } >>/tmp/lines',
      'cat /tmp/lines',
    ),
  ];
}

/** Shows at / the lines of the database that its environment names, or what the database says instead; lines that are posted it passes on. */
function frontEndEntries() {
  return [
    script(
      'bin/front-end',
      'set -u',
      ': "$DATABASE_PASSWORD"',
      'echo "showing the lines of $DATABASE_SERVER as its user $DATABASE_USERNAME"',
      'exec httpd -f -v -p 8081 -h /srv',
    ),
    dir('srv'),
    dir('srv/cgi-bin'),
    script(
      'srv/cgi-bin/index.cgi',
      'key=$(printf %s "$DATABASE_USERNAME:$DATABASE_PASSWORD" | base64 | tr -d "\\n")',
      '[ "$REQUEST_METHOD" != POST ] || set -- --post-data "$(head -c "$CONTENT_LENGTH")"',
      'set -- --header "Authorization: Basic $key" "$@" "http://$DATABASE_SERVER:27017/cgi-bin/lines"',
      'status="200 OK"',
      'answer=$(timeout 5 wget -q -O - "$@" 2>&1) || status="502 Bad Gateway"',
      'printf "Status: %s\\r\\nContent-Type: text/plain\\r\\n\\r\\n%s\\n" "$status" "$answer"',
    ),
  ];
}

/** Bytes that look random and are the same everywhere: AES-CTR over zeros. */
function incompressible(bytes) {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

/** 37.5 MB: five large files and 250 small ones, whose sizes and names make the layer another than its neighbours. */
function layerEntries(number) {
  const folder = `layer-${number}`;
  const bytes = (size, i) => incompressible(size + number * 1000 + i);
  return [
    dir(folder),
    ...Array.from({ length: 5 }, (_, i) => file(`${folder}/large-${i}`, bytes(5_000_000, i))),
    ...Array.from({ length: 250 }, (_, i) => file(`${folder}/small-${i}`, bytes(50_000, i))),
  ];
}

const KINDS = {
  busybox: () => ({ layers: [busyboxEntries()], config: { Cmd: ['/bin/sh'] } }),
  web: reference => ({ layers: [busyboxEntries(), webEntries(reference)], config: { Cmd: ['/bin/serve'] } }),
  pause: () => ({
    layers: [[file('catatonit', readStaticBinary('/usr/bin/catatonit', 'catatonit'), 0o755)]],
    config: { Entrypoint: ['/catatonit', '-P'] },
  }),
  big: () => ({
    layers: [
      busyboxEntries(),
      [dir('data'), ...Array.from({ length: 10 }, (_, i) => file(`data/${i}`, incompressible(5_000_000 + i)))],
      [dir('more'), ...Array.from({ length: 500 }, (_, i) => file(`more/${i}`, incompressible(100_000 + i)))],
    ],
    config: { Cmd: ['/bin/sh'] },
  }),
  layered: () => ({ layers: Array.from({ length: 8 }, (_, i) => layerEntries(i)), config: { Cmd: ['/bin/sh'] } }),
  database: () => ({ layers: [busyboxEntries(), databaseEntries()], config: { Cmd: ['/bin/database'] } }),
  'front-end': () => ({ layers: [busyboxEntries(), frontEndEntries()], config: { Cmd: ['/bin/front-end'] } }),
};

const sha256 = bytes => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** The files of an OCI image layout, as path -> bytes. */
function imageLayout(kind, reference) {
  const { layers, config } = KINDS[kind](reference);
  const files = new Map();
  const put = (mediaType, bytes) => {
    const digest = sha256(bytes);
    files.set(`blobs/sha256/${digest.slice(7)}`, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const archives = layers.map(tar);
  const layerDescriptors = archives.map(a =>
    put(
      'application/vnd.oci.image.layer.v1.tar+gzip',
      gzipSync(a, { level: kind === 'big' || kind === 'layered' ? 1 : 6 }),
    ),
  );
  const configDescriptor = put(
    'application/vnd.oci.image.config.v1+json',
    Buffer.from(
      JSON.stringify({
        created: '2020-01-01T00:00:00Z',
        architecture: ARCHITECTURE,
        os: 'linux',
        config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], ...config },
        rootfs: { type: 'layers', diff_ids: archives.map(sha256) },
        history: archives.map(() => ({ created: '2020-01-01T00:00:00Z', created_by: `build-image ${kind}` })),
      }),
    ),
  );
  const manifest = put(
    'application/vnd.oci.image.manifest.v1+json',
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: configDescriptor,
        layers: layerDescriptors,
      }),
    ),
  );
  files.set('oci-layout', Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' })));
  files.set(
    'index.json',
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [
          {
            ...manifest,
            platform: { architecture: ARCHITECTURE, os: 'linux' },
            annotations: {
              'io.containerd.image.name': reference,
              'org.opencontainers.image.ref.name': reference,
            },
          },
        ],
      }),
    ),
  );
  return files;
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { dir: { type: 'string' }, archive: { type: 'string' } },
  });
  const [kind, reference] = positionals;
  if (!(kind in KINDS) || reference === undefined || (values.dir === undefined && values.archive === undefined))
    throw new Error(
      `usage: build-image.mjs ${Object.keys(KINDS).join('|')} REFERENCE --dir DIRECTORY | --archive FILE.tar`,
    );
  const files = imageLayout(kind, reference);
  if (values.dir !== undefined) {
    rmSync(values.dir, { recursive: true, force: true });
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(values.dir, path)), { recursive: true });
      writeFileSync(join(values.dir, path), bytes);
    }
  }
  if (values.archive !== undefined) {
    mkdirSync(dirname(values.archive), { recursive: true });
    const entries = [dir('blobs'), dir('blobs/sha256'), ...[...files].map(([path, bytes]) => file(path, bytes))];
    writeFileSync(values.archive, tar(entries));
  }
}

try {
  main();
} catch (error) {
  console.error(`build-image: ${error.message}`);
  process.exit(1);
}
