import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const NOT_A_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NOT_A_LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const volumes = new Judge('', 'persistentvolumes', {
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    csi: { driver: 'disk.example.com', volumeHandle: 'x' },
  },
});

describe('what may be created', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    ['a volume of a CSI driver', {}, []],
    [
      'no volume without modes, capacity or source',
      { spec: {} },
      [
        'spec.accessModes: Required value',
        'spec.capacity: Required value',
        'spec.capacity: Unsupported value: null: supported values: "storage"',
        'spec: Required value: must specify a volume type',
      ],
    ],
    [
      'no mode that is unknown, nor a lonely one in company',
      { 'spec.accessModes': ['ReadWriteOncePod', 'ReadOnlyMany', 'x'] },
      [
        'spec.accessModes: Unsupported value: "x": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
        'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
      ],
    ],
    [
      'no capacity of other things',
      { 'spec.capacity': { memory: '1Gi' } },
      ['spec.capacity: Unsupported value: {"memory":"1Gi"}: supported values: "storage"'],
    ],
    [
      'no capacity of nothing',
      { 'spec.capacity': { storage: '-1' } },
      [
        'spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity',
        'spec.capacity[storage]: Invalid value: "-1": must be greater than zero',
      ],
    ],
    [
      'no policy that is unknown',
      { 'spec.persistentVolumeReclaimPolicy': 'Burn', 'spec.volumeMode': 'x', 'spec.storageClassName': 'A b' },
      [
        'spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"',
        `spec.storageClassName: Invalid value: "A b": ${NOT_A_SUBDOMAIN}`,
        'spec.volumeMode: Unsupported value: "x": supported values: "Block", "Filesystem"',
      ],
    ],
    [
      'no affinity that requires nothing',
      { 'spec.nodeAffinity': {} },
      ['spec.nodeAffinity.required: Required value: must specify required node constraints'],
    ],
    [
      'no affinity by a value that no label has',
      {
        'spec.nodeAffinity': {
          required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['x y'] }] }] },
        },
      },
      [
        `spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]: Invalid value: "x y": ${NOT_A_LABEL_VALUE}`,
      ],
    ],
    [
      'no two sources',
      { 'spec.hostPath': { path: '/x' }, 'spec.cephfs': { monitors: ['a'] } },
      [
        'spec.cephFS: Forbidden: may not specify more than 1 volume type',
        'spec.csi: Forbidden: may not specify more than 1 volume type',
      ],
    ],
    [
      'no CSI driver with a bad name, handle or secret',
      {
        'spec.csi': {
          driver: 'A_b',
          volumeHandle: '',
          controllerPublishSecretRef: {},
          nodePublishSecretRef: { name: 'A b', namespace: 'a.b' },
        },
      },
      [
        `spec.csi.driver: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
        'spec.csi.volumeHandle: Required value',
        'spec.csi.controllerPublishSecretRef.name: Required value',
        'spec.csi.controllerPublishSecretRef.namespace: Required value',
        `spec.csi.nodePublishSecretRef.name: Invalid value: "A b": ${NOT_A_SUBDOMAIN}`,
        'spec.csi.nodePublishSecretRef.namespace: Invalid value: "a.b": must not contain dots',
      ],
    ],
    [
      'no class of attributes that is empty',
      { 'spec.volumeAttributesClassName': '' },
      ['spec.volumeAttributesClassName: Required value: an empty string is disallowed'],
    ],
    [
      'no class of attributes without CSI',
      { 'spec.csi': undefined, 'spec.hostPath': { path: '/x' }, 'spec.volumeAttributesClassName': 'gold' },
      ['spec.csi: Required value: has to be specified when using volumeAttributesClassName'],
    ],
    [
      'no path that leads back',
      { 'spec.csi': undefined, 'spec.hostPath': { path: '/a/../b', type: 'x' } },
      [
        'spec.hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
        'spec.hostPath.type: Unsupported value: "x": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
      ],
    ],
    [
      'no root of a host that is recycled',
      { 'spec.csi': undefined, 'spec.hostPath': { path: '//' }, 'spec.persistentVolumeReclaimPolicy': 'Recycle' },
      ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
    ],
    [
      'no local volume without node',
      { 'spec.csi': undefined, 'spec.local': { path: '' } },
      ['spec.local.path: Required value', 'spec.nodeAffinity: Required value: Local volume requires node affinity'],
    ],
    [
      'no NFS without server and path',
      { 'spec.csi': undefined, 'spec.nfs': { server: '', path: 'x' } },
      ['spec.nfs.server: Required value', 'spec.nfs.path: Invalid value: "x": must be an absolute path'],
    ],
    [
      'no iSCSI target that is none',
      {
        'spec.csi': undefined,
        'spec.iscsi': { targetPortal: '', iqn: 'foo', lun: 256, chapAuthSession: true, initiatorName: 'iqn.x' },
      },
      [
        'spec.iscsi.targetPortal: Required value',
        'spec.iscsi.iqn: Invalid value: "foo": must be valid format',
        'spec.iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive',
        'spec.iscsi.secretRef: Required value',
        'spec.iscsi.initiatorname: Invalid value: "iqn.x": must be valid format',
      ],
    ],
    [
      'no iSCSI initiator with too long a portal',
      {
        'spec.csi': undefined,
        'spec.iscsi': {
          targetPortal: 'x'.repeat(64),
          iqn: 'iqn.2001-04.com.example:a',
          lun: 0,
          initiatorName: 'iqn.2001-04.com.example:b',
          secretRef: {},
        },
      },
      [
        'spec.iscsi.targetportal: Invalid value: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.',
        'spec.iscsi.secretRef.name: Required value',
      ],
    ],
    [
      'no disk of a cloud without name',
      { 'spec.csi': undefined, 'spec.gcePersistentDisk': { pdName: '', partition: 256 } },
      [
        'spec.persistentDisk.pdName: Required value',
        'spec.persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive',
      ],
    ],
    [
      'no disk of another cloud without name',
      { 'spec.csi': undefined, 'spec.awsElasticBlockStore': { volumeID: '', partition: -1 } },
      [
        'spec.awsElasticBlockStore.volumeID: Required value',
        'spec.awsElasticBlockStore.partition: Invalid value: -1: must be between 1 and 255, inclusive',
      ],
    ],
    [
      'no disk of OpenStack with half a secret',
      { 'spec.csi': undefined, 'spec.cinder': { volumeID: '', secretRef: { name: 'a' } } },
      ['spec.cinder.volumeID: Required value', 'spec.cinder.secretRef.namespace: Required value'],
    ],
    [
      'no Gluster without endpoints',
      { 'spec.csi': undefined, 'spec.glusterfs': { endpoints: '', path: '', endpointsNamespace: 'A_b' } },
      [
        'spec.glusterfs.endpoints: Required value',
        'spec.glusterfs.path: Required value',
        `spec.glusterfs.endpointsNamespace: Invalid value: "A_b": ${NOT_A_LABEL}`,
      ],
    ],
    [
      'no Gluster with endpoints in no namespace',
      { 'spec.csi': undefined, 'spec.glusterfs': { endpoints: 'a', path: 'b', endpointsNamespace: '' } },
      [
        'spec.glusterfs.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid namespace name',
      ],
    ],
    [
      'no Ceph without monitors',
      { 'spec.csi': undefined, 'spec.rbd': { monitors: [], image: '' } },
      ['spec.rbd.monitors: Required value', 'spec.rbd.image: Required value'],
    ],
    [
      'no file system of Ceph without monitors',
      { 'spec.csi': undefined, 'spec.cephfs': { monitors: [] } },
      ['spec.cephfs.monitors: Required value'],
    ],
    [
      'no Fibre Channel by two names at once',
      { 'spec.csi': undefined, 'spec.fc': { targetWWNs: ['a'], wwids: ['b'] } },
      [
        'spec.fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified simultaneously',
        'spec.fc.lun: Required value: lun is required if targetWWNs is specified',
      ],
    ],
    [
      'no Azure share without secret',
      { 'spec.csi': undefined, 'spec.azureFile': { secretName: '', shareName: '', secretNamespace: '' } },
      [
        'spec.azureFile.secretName: Required value',
        'spec.azureFile.shareName: Required value',
        'spec.azureFile.secretNamespace: Required value',
      ],
    ],
    [
      'no Azure disk whose URI is none',
      { 'spec.csi': undefined, 'spec.azureDisk': { diskName: '', diskURI: 'x', kind: 'Managed', cachingMode: 'x' } },
      [
        'spec.azureDisk.diskName: Required value',
        'spec.azureDisk.cachingMode: Unsupported value: "x": supported values: "None", "ReadOnly", "ReadWrite"',
        'spec.azureDisk.diskURI: Unsupported value: "x": supported values: "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"',
      ],
    ],
    [
      'no dataset of Flocker by two names',
      { 'spec.csi': undefined, 'spec.flocker': { datasetName: 'a/b', datasetUUID: 'x' } },
      [
        'spec.flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously',
        'spec.flocker.datasetName: Invalid value: "a/b": must not contain \'/\'',
      ],
    ],
    [
      'no volume of Quobyte without registry',
      { 'spec.csi': undefined, 'spec.quobyte': { registry: 'a', volume: '' } },
      [
        'spec.quobyte.registry: Invalid value: "a": must be a host:port pair or multiple pairs separated by commas',
        'spec.quobyte.volume: Required value',
      ],
    ],
    [
      'no flexible volume with options of ours',
      { 'spec.csi': undefined, 'spec.flexVolume': { driver: '', options: { 'x.k8s.io/a': 'b' } } },
      [
        'spec.flexVolume.driver: Required value',
        'spec.flexVolume.options[x.k8s.io/a]: Invalid value: "x.k8s.io/a": kubernetes.io and k8s.io namespaces are reserved',
      ],
    ],
    [
      'no volumes of others without their names',
      { 'spec.csi': undefined, 'spec.scaleIO': { gateway: '', system: '', secretRef: {}, volumeName: '' } },
      [
        'spec.scaleIO.gateway: Required value',
        'spec.scaleIO.system: Required value',
        'spec.scaleIO.volumeName: Required value',
      ],
    ],
    [
      'no StorageOS with half a secret',
      {
        'spec.csi': undefined,
        'spec.storageos': { volumeName: 'A_b', volumeNamespace: 'x.y', secretRef: { name: 'a' } },
      },
      [
        `spec.storageos.volumeName: Invalid value: "A_b": ${NOT_A_LABEL}`,
        'spec.storageos.volumeNamespace: Invalid value: "x.y": must not contain dots',
        'spec.storageos.secretRef.namespace: Required value',
      ],
    ],
    [
      'no disk of vSphere without path',
      { 'spec.csi': undefined, 'spec.vsphereVolume': { volumePath: '' } },
      ['spec.vsphereVolume.volumePath: Required value'],
    ],
    [
      'no volume of Portworx without id',
      { 'spec.csi': undefined, 'spec.portworxVolume': { volumeID: '' } },
      ['spec.portworxVolume.volumeID: Required value'],
    ],
    [
      'no mount options where the plugin takes none',
      { 'metadata.annotations': { 'volume.beta.kubernetes.io/mount-options': 'ro' } },
      [
        'metadata.annotations.volume.beta.kubernetes.io/mount-options: Forbidden: may not specify mount options for this volume type',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(volumes.created(changes)).toEqual(errors);
  });
});

describe('what may become of a volume', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    [
      'a secret for growing',
      {
        'spec.csi': {
          driver: 'disk.example.com',
          volumeHandle: 'x',
          controllerExpandSecretRef: { name: 'a', namespace: 'b' },
        },
      },
      [],
      {},
    ],
    ['no other mode', { 'spec.volumeMode': 'Block' }, ['volumeMode: Invalid value: "Block": field is immutable'], {}],
    [
      'no loss of its class of attributes',
      { 'spec.volumeAttributesClassName': undefined },
      ['spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden'],
      { 'spec.volumeAttributesClassName': 'gold' },
    ],
    [
      'an affinity',
      {
        'spec.nodeAffinity': {
          required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['a'] }] }] },
        },
      },
      [],
      {},
    ],
    [
      'no other affinity',
      {
        'spec.nodeAffinity': {
          required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'b', operator: 'In', values: ['a'] }] }] },
        },
      },
      [
        'nodeAffinity: Invalid value: {"Required":{"NodeSelectorTerms":[{"MatchExpressions":[{"Key":"b","Operator":"In","Values":["a"]}],"MatchFields":null}]}}: field is immutable, except for updating from beta label to GA',
      ],
      {
        'spec.nodeAffinity': {
          required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['a'] }] }] },
        },
      },
    ],
    [
      'the new name of a label in its affinity',
      {
        'spec.nodeAffinity': {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'In', values: ['a'] }] },
            ],
          },
        },
      },
      [],
      {
        'spec.nodeAffinity': {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'failure-domain.beta.kubernetes.io/zone', operator: 'In', values: ['a'] }] },
            ],
          },
        },
      },
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(volumes.changed(changes, before)).toEqual(errors);
  });
});

describe('what is told of a new one', () => {
  const cases: readonly [sentence: string, changes: Changes, warnings: readonly string[]][] = [
    ['nothing of a good volume', {}, []],
    [
      'that annotations are fields now',
      {
        'spec.csi': undefined,
        'spec.nfs': { server: 'a', path: '/b' },
        'metadata.annotations': {
          'volume.beta.kubernetes.io/storage-class': 'x',
          'volume.beta.kubernetes.io/mount-options': 'ro',
        },
      },
      [
        'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead',
        'metadata.annotations[volume.beta.kubernetes.io/mount-options]: deprecated since v1.31; use "mountOptions" attribute instead',
      ],
    ],
    [
      'that nothing is recycled any more',
      { 'spec.csi': undefined, 'spec.hostPath': { path: '/x' }, 'spec.persistentVolumeReclaimPolicy': 'Recycle' },
      [
        'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
      ],
    ],
    [
      'that a label of nodes has another name',
      {
        'spec.nodeAffinity': {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'failure-domain.beta.kubernetes.io/zone', operator: 'In', values: ['a'] }] },
            ],
          },
        },
      },
      [
        'spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
      ],
    ],
    [
      'that a plugin is gone',
      { 'spec.csi': undefined, 'spec.glusterfs': { endpoints: 'a', path: 'b' } },
      ['spec.glusterfs: deprecated in v1.25, non-functional in v1.26+'],
    ],
    [
      'that another plugin is gone',
      { 'spec.csi': undefined, 'spec.storageos': { volumeName: 'a' } },
      ['spec.storageOS: deprecated in v1.22, non-functional in v1.25+'],
    ],
  ];
  it.each(cases)('%s', (_, changes, warnings) => {
    expect(volumes.warned(changes)).toEqual(warnings);
  });
});
