import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const NOT_A_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NOT_A_LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const pods = new Judge('', 'pods', { spec: { containers: [{ name: 'app', image: 'nginx' }] } });

describe('which volumes a pod may have', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    [
      'a volume of each common source',
      {
        'spec.volumes': [
          { name: 'a', emptyDir: {} },
          { name: 'b', hostPath: { path: '/x' } },
          { name: 'c', configMap: { name: 'x' } },
          { name: 'd', secret: { secretName: 'x' } },
          { name: 'e', persistentVolumeClaim: { claimName: 'x' } },
          { name: 'f', image: { reference: 'x' } },
        ],
      },
      [],
    ],
    [
      'no volume without name or source',
      { 'spec.volumes': [{ name: '', emptyDir: {} }, { name: 'a' }, { name: 'A_b', emptyDir: {} }] },
      ['spec.volumes[0].name: Required value', `spec.volumes[2].name: Invalid value: "A_b": ${NOT_A_LABEL}`],
    ],
    [
      'no name twice',
      {
        'spec.volumes': [
          { name: 'a', emptyDir: {} },
          { name: 'a', emptyDir: {} },
        ],
      },
      ['spec.volumes[1].name: Duplicate value: "a"'],
    ],
    [
      'no two sources',
      { 'spec.volumes': [{ name: 'a', emptyDir: {}, hostPath: { path: '/x' } }] },
      ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'no memory below zero',
      { 'spec.volumes': [{ name: 'a', emptyDir: { sizeLimit: '-1' } }] },
      ['spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity'],
    ],
    [
      'no path of the host that leads back',
      { 'spec.volumes': [{ name: 'a', hostPath: { path: '/a/../b', type: 'x' } }] },
      [
        'spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
        'spec.volumes[0].hostPath.type: Unsupported value: "x": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
      ],
    ],
    [
      'no repository without name',
      { 'spec.volumes': [{ name: 'a', gitRepo: { repository: '', directory: '../x' } }] },
      [
        'spec.volumes[0].gitRepo.repository: Required value',
        'spec.volumes[0].gitRepo.directory: Invalid value: "../x": must not contain \'..\'',
      ],
    ],
    [
      'no secret without name, nor with bad files',
      {
        'spec.volumes': [
          {
            name: 'a',
            secret: {
              secretName: '',
              defaultMode: 512,
              items: [
                { key: '', path: '' },
                { key: 'a', path: '../x', mode: -1 },
              ],
            },
          },
        ],
      },
      [
        'spec.volumes[0].secret.secretName: Required value',
        'spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
        'spec.volumes[0].secret.items[0].key: Required value',
        'spec.volumes[0].secret.items[0].path: Required value',
        'spec.volumes[0].secret.items[1].path: Invalid value: "../x": must not contain \'..\'',
        'spec.volumes[0].secret.items[1].mode: Invalid value: -1: must be a number between 0 and 0777 (octal), both inclusive',
      ],
    ],
    [
      'no map without name',
      { 'spec.volumes': [{ name: 'a', configMap: { name: '', defaultMode: -1 } }] },
      [
        'spec.volumes[0].configMap.name: Required value',
        'spec.volumes[0].configMap.defaultMode: Invalid value: -1: must be a number between 0 and 0777 (octal), both inclusive',
      ],
    ],
    [
      'no claim without name',
      { 'spec.volumes': [{ name: 'a', persistentVolumeClaim: { claimName: '' } }] },
      ['spec.volumes[0].persistentVolumeClaim.claimName: Required value'],
    ],
    [
      'no field that a pod does not show as a file',
      {
        'spec.volumes': [
          {
            name: 'a',
            downwardAPI: {
              items: [
                { path: 'a', fieldRef: { fieldPath: 'spec.nodeName' } },
                {
                  path: '../b',
                  fieldRef: { fieldPath: 'metadata.labels' },
                  resourceFieldRef: { resource: 'limits.cpu' },
                },
                { path: 'c' },
              ],
            },
          },
        ],
      },
      [
        'spec.volumes[0].downwardAPI.fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"',
        'spec.volumes[0].downwardAPI.path: Invalid value: "../b": must not contain \'..\'',
        'spec.volumes[0].downwardAPI: Invalid value: "resource": fieldRef and resourceFieldRef can not be specified simultaneously',
        'spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required',
      ],
    ],
    [
      'no file from two places',
      {
        'spec.volumes': [
          {
            name: 'a',
            projected: {
              sources: [
                { secret: { name: 'x', items: [{ key: 'a', path: 'f' }] } },
                { configMap: { name: 'y', items: [{ key: 'a', path: 'f' }] } },
              ],
            },
          },
        ],
      },
      ['spec.volumes[0].projected: Invalid value: "y": conflicting duplicate paths'],
    ],
    [
      'no place of files that is none, or two',
      {
        'spec.volumes': [
          { name: 'a', projected: { sources: [{}, { secret: { name: '' }, configMap: { name: 'x' } }] } },
        ],
      },
      [
        'spec.volumes[0].projected.sources[1].secret.name: Required value',
        'spec.volumes[0].projected.sources[1]: Forbidden: may not specify more than 1 volume type per source',
      ],
    ],
    [
      'no token that lives for less than ten minutes',
      {
        'spec.volumes': [
          { name: 'a', projected: { sources: [{ serviceAccountToken: { path: '', expirationSeconds: 599 } }] } },
        ],
      },
      [
        'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
        'spec.volumes[0].projected.path: Required value',
        'spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
      ],
    ],
    [
      'no token that lives forever',
      {
        'spec.volumes': [
          {
            name: 'a',
            projected: { sources: [{ serviceAccountToken: { path: '../x', expirationSeconds: 4294967297 } }] },
          },
        ],
      },
      [
        'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds',
        'spec.volumes[0].projected.path: Invalid value: "../x": must not contain \'..\'',
        'spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
      ],
    ],
    [
      'no claim that comes with the pod and cannot be',
      {
        'spec.volumes': [
          {
            name: 'a',
            ephemeral: { volumeClaimTemplate: { metadata: { name: 'x', labels: { a: 'x y' } }, spec: {} } },
          },
        ],
      },
      [
        `spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.labels: Invalid value: "x y": ${NOT_A_LABEL_VALUE}`,
        'spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set',
        'spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is required',
        'spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value',
      ],
    ],
    [
      'no claim that comes with a pod without template',
      { 'spec.volumes': [{ name: 'a', ephemeral: {} }] },
      ['spec.volumes[0].ephemeral.volumeClaimTemplate: Required value'],
    ],
    [
      'no claim by name that comes with the pod too',
      {
        'spec.volumes': [
          {
            name: 'a',
            ephemeral: {
              volumeClaimTemplate: {
                spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
              },
            },
          },
          { name: 'b', persistentVolumeClaim: { claimName: 'web-a' } },
        ],
      },
      [
        'spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "web-a": must not reference a PVC that gets created for an ephemeral volume',
      ],
    ],
    [
      'no image without reference',
      { 'spec.volumes': [{ name: 'a', image: { pullPolicy: 'x' } }] },
      [
        'spec.volumes[0].image.reference: Required value',
        'spec.volumes[0].image.pullPolicy: Unsupported value: "x": supported values: "Always", "IfNotPresent", "Never"',
      ],
    ],
    [
      'no driver without name',
      { 'spec.volumes': [{ name: 'a', csi: { driver: '', nodePublishSecretRef: {} } }] },
      ['spec.volumes[0].csi.driver: Required value', 'spec.volumes[0].csi.nodePublishSecretRef.name: Required value'],
    ],
    [
      'no iSCSI target that is none',
      { 'spec.volumes': [{ name: 'a', iscsi: { targetPortal: '', iqn: 'foo', lun: -1, chapAuthDiscovery: true } }] },
      [
        'spec.volumes[0].iscsi.targetPortal: Required value',
        'spec.volumes[0].iscsi.iqn: Invalid value: "foo": must be valid format starting with iqn, eui, or naa',
        'spec.volumes[0].iscsi.lun: Invalid value: -1: must be between 0 and 255, inclusive',
        'spec.volumes[0].iscsi.secretRef: Required value',
      ],
    ],
    [
      'no disks of clouds without names',
      {
        'spec.volumes': [
          { name: 'a', gcePersistentDisk: { pdName: '' } },
          { name: 'b', awsElasticBlockStore: { volumeID: '', partition: 256 } },
          { name: 'c', azureDisk: { diskName: '', diskURI: '' } },
          { name: 'd', azureFile: { secretName: '', shareName: '' } },
          { name: 'e', cinder: { volumeID: '', secretRef: {} } },
          { name: 'f', vsphereVolume: { volumePath: '' } },
        ],
      },
      [
        'spec.volumes[0].persistentDisk.pdName: Required value',
        'spec.volumes[1].awsElasticBlockStore.volumeID: Required value',
        'spec.volumes[1].awsElasticBlockStore.partition: Invalid value: 256: must be between 1 and 255, inclusive',
        'spec.volumes[2].azureDisk.diskName: Required value',
        'spec.volumes[2].azureDisk.diskURI: Required value',
        'spec.volumes[2].azureDisk.diskURI: Unsupported value: "": supported values: "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"',
        'spec.volumes[3].azureFile.secretName: Required value',
        'spec.volumes[3].azureFile.shareName: Required value',
        'spec.volumes[4].cinder.volumeID: Required value',
        'spec.volumes[4].cinder.secretRef.name: Required value',
        'spec.volumes[5].vsphereVolume.volumePath: Required value',
      ],
    ],
    [
      'no file systems of clusters without names',
      {
        'spec.volumes': [
          { name: 'a', nfs: { server: '', path: '' } },
          { name: 'b', glusterfs: { endpoints: '', path: '' } },
          { name: 'c', rbd: { monitors: [], image: '' } },
          { name: 'd', cephfs: { monitors: [] } },
          { name: 'e', quobyte: { registry: '', volume: '' } },
          { name: 'f', flocker: {} },
          { name: 'g', fc: {} },
        ],
      },
      [
        'spec.volumes[0].nfs.server: Required value',
        'spec.volumes[0].nfs.path: Required value',
        'spec.volumes[0].nfs.path: Invalid value: "": must be an absolute path',
        'spec.volumes[1].glusterfs.endpoints: Required value',
        'spec.volumes[1].glusterfs.path: Required value',
        'spec.volumes[2].rbd.monitors: Required value',
        'spec.volumes[2].rbd.image: Required value',
        'spec.volumes[3].cephfs.monitors: Required value',
        'spec.volumes[4].quobyte.registry: Required value: must be a host:port pair or multiple pairs separated by commas',
        'spec.volumes[4].quobyte.volume: Required value',
        'spec.volumes[5].flocker: Required value: one of datasetName and datasetUUID is required',
        'spec.volumes[6].fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both',
      ],
    ],
    [
      'no drivers of old without names',
      {
        'spec.volumes': [
          { name: 'a', flexVolume: { driver: '', options: { 'kubernetes.io/a': 'b' } } },
          { name: 'b', photonPersistentDisk: { pdID: '' } },
          { name: 'c', portworxVolume: { volumeID: '' } },
          { name: 'd', scaleIO: { gateway: '', system: '', secretRef: {} } },
          { name: 'e', storageos: {} },
        ],
      },
      [
        'spec.volumes[0].flexVolume.driver: Required value',
        'spec.volumes[0].flexVolume.options[kubernetes.io/a]: Invalid value: "kubernetes.io/a": kubernetes.io and k8s.io namespaces are reserved',
        'spec.volumes[1].photonPersistentDisk.pdID: Required value',
        'spec.volumes[2].portworxVolume.volumeID: Required value',
        'spec.volumes[3].scaleIO.gateway: Required value',
        'spec.volumes[3].scaleIO.system: Required value',
        'spec.volumes[3].scaleIO.volumeName: Required value',
        'spec.volumes[4].storageos.volumeName: Required value',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(pods.created(changes)).toEqual(errors);
  });
});
