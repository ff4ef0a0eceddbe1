import type { ConfigMap, Secret } from '../../api/types/gen/core-v1.ts';
import { type Check, expectSame, expectThat } from '../check.ts';
import type { World } from '../world.ts';
import { WAIT } from './pods.ts';

const check = (name: string, run: (world: World) => Promise<void>): Check => ({ area: 'volumes', name, run });

const mount = (mountPath: string, more: object = {}): { readonly volumeMounts: never } => ({
  volumeMounts: [{ name: 'data', mountPath, ...more }] as never,
});

/** Reads the file again and again until the word is in it, then shows it; or as it is when patience ends. */
const untilHas = ({ patienceMs }: World, file: string, word: string): readonly string[] => {
  const turns = Math.round(patienceMs / 200);
  const script = `i=0; until grep -q ${word} ${file} || [ $i -gt ${turns} ]; do i=$((i+1)); sleep 0.2; done; cat ${file}`;
  return ['sh', '-c', script];
};

async function configMap(world: World, name: string, data: Readonly<Record<string, string>>): Promise<void> {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: world.namespace }, data };
  await world.configMaps.create(object as unknown as ConfigMap, world.signal);
}

export const VOLUME_CHECKS: readonly Check[] = [
  check('keeps an emptyDir for all containers of a pod, over their restarts', async world => {
    await world.pod(
      'volume-empty',
      {
        main: {
          script: `echo turn >>/data/turns; [ $(wc -l </data/turns) -lt 2 ] && exit 1; ${WAIT}`,
          ...mount('/data'),
        },
        beside: { script: `until [ "$(wc -l </data/turns)" = 2 ]; do sleep 0.1; done; ${WAIT}`, ...mount('/data') },
      },
      { restartPolicy: 'Always', volumes: [{ name: 'data', emptyDir: {} }] },
    );
    await world.untilReady('volume-empty');
    expectSame('the turns written', (await world.exec('volume-empty', ['cat', '/data/turns'])).stdout, 'turn\nturn\n');
  }),

  check('keeps an emptyDir in memory where asked', async world => {
    const text = await world.output(
      'volume-memory',
      { script: 'grep " /data " /proc/mounts | cut -d" " -f3', ...mount('/data') },
      { volumes: [{ name: 'data', emptyDir: { medium: 'Memory' } }] },
    );
    expectSame('its file system', text.trim(), 'tmpfs');
  }),

  check(
    'shows a ConfigMap as files with the names and modes that are asked for, and follows its changes',
    async world => {
      await configMap(world, 'volume-map', { key: 'before' });
      await world.ready(
        'volume-map',
        { script: WAIT, ...mount('/data') },
        {
          volumes: [
            { name: 'data', configMap: { name: 'volume-map', items: [{ key: 'key', path: 'path/to', mode: 0o400 }] } },
          ],
        },
      );
      const { stdout } = await world.exec('volume-map', [
        'sh',
        '-c',
        'cat /data/path/to; stat -Lc " %a" /data/path/to',
      ]);
      expectSame('the file and its mode', stdout.trim(), 'before 400');
      await world.configMaps.patch({ namespace: world.namespace, name: 'volume-map' }, 'merge', {
        data: { key: 'after' },
      });
      const after = await world.exec('volume-map', untilHas(world, '/data/path/to', 'after'));
      expectSame('the file after the change', after.stdout, 'after');
    },
  ),

  check('shows a Secret as files and in the environment', async world => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'volume-secret', namespace: world.namespace },
    };
    await world.secrets.create({ ...secret, stringData: { word: 'open sesame' } } as unknown as Secret, world.signal);
    const text = await world.output(
      'volume-secret',
      {
        script: 'cat /data/word; echo " $WORD $(grep " /data " /proc/mounts | cut -d" " -f3)"',
        env: [{ name: 'WORD', valueFrom: { secretKeyRef: { name: 'volume-secret', key: 'word' } } }],
        ...mount('/data', { readOnly: true }),
      },
      { volumes: [{ name: 'data', secret: { secretName: 'volume-secret' } }] },
    );
    expectSame('file, environment and file system', text.trim(), 'open sesame open sesame tmpfs');
  }),

  check('waits for a ConfigMap that is not there yet', async world => {
    await world.pod(
      'volume-later',
      { script: 'cat /data/key', ...mount('/data') },
      { volumes: [{ name: 'data', configMap: { name: 'volume-later' } }] },
    );
    await world.until('volume-later', 'to be given to the node', pod => pod?.status?.startTime !== undefined);
    await configMap(world, 'volume-later', { key: 'late' });
    await world.ended('volume-later');
    expectSame('what it read', await world.log('volume-later'), 'late');
  }),

  check('gives a pod a token of its service account, with the CA and the namespace', async world => {
    const text = await world.output('volume-account', {
      script:
        'cd /var/run/secrets/kubernetes.io/serviceaccount; tr . "\\n" <token | wc -l; grep -c BEGIN ca.crt; cat namespace',
    });
    const [parts, certificates, namespace] = text.trim().split('\n');
    expectThat(Number(parts) >= 2, 'the token is no JWT: its parts', parts);
    expectThat(Number(certificates) >= 1, 'the certificates in ca.crt', certificates);
    expectSame('the namespace', namespace, world.namespace);
  }),

  check('shows a pod its labels and annotations, and their changes', async world => {
    await world.ready(
      'volume-downward',
      { script: WAIT, ...mount('/data') },
      {
        volumes: [
          { name: 'data', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        ],
      },
      { labels: { colour: 'red' } },
    );
    const labels = await world.exec('volume-downward', ['cat', '/data/labels']);
    expectThat(labels.stdout.includes('colour="red"'), 'the file of labels', labels.stdout);
    const target = { namespace: world.namespace, name: 'volume-downward' };
    await world.pods.patch(target, 'merge', { metadata: { labels: { colour: 'blue' } } });
    const after = await world.exec('volume-downward', untilHas(world, '/data/labels', 'blue'));
    expectThat(after.stdout.includes('colour="blue"'), 'the file of labels after the change', after.stdout);
  }),

  check('mounts a part of a volume, and does not let a container write where it must not', async world => {
    const text = await world.output(
      'volume-part',
      {
        script: 'echo in part >/part/file; cat /whole/part/file; touch /whole/new 2>&1; echo code $?',
        volumeMounts: [
          { name: 'data', mountPath: '/part', subPath: 'part' },
          { name: 'data', mountPath: '/whole', readOnly: true },
        ],
      },
      { volumes: [{ name: 'data', emptyDir: {} }] },
    );
    expectThat(/^in part\n.*Read-only file system\ncode 1\n$/s.test(text), 'what was read and written', text);
  }),

  check('gives the files of a volume the group that the pod names', async world => {
    const text = await world.output(
      'volume-group',
      {
        script: 'touch /data/file && stat -c "%g" /data/file; id -G',
        securityContext: { runAsUser: 1000, runAsGroup: 1000 },
        ...mount('/data'),
      },
      { securityContext: { fsGroup: 4321 }, volumes: [{ name: 'data', emptyDir: {} }] },
    );
    const [group, groups] = text.trim().split('\n');
    expectSame('the group of a new file', group, '4321');
    expectThat(groups?.split(' ').includes('4321') === true, 'the groups of the process', groups);
  }),

  check('shows a file of the machine', async world => {
    const text = await world.output(
      'volume-host',
      { script: 'cat /data', ...mount('/data', { readOnly: true }) },
      { volumes: [{ name: 'data', hostPath: { path: '/etc/os-release', type: 'File' } }] },
    );
    expectThat(text.includes('ID='), 'the file /etc/os-release', text);
  }),
];
