import { equalAs } from '../../../api/semantic-equal.ts';
import type { VolumeAttachment, VolumeAttachmentSource, VolumeError } from '../../../api/types/gen/storage-v1.ts';
import {
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  required,
  tooLong,
} from '../../../api/validation/field-error.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { csiDriverErrors } from '../../../api/validation/volume-plugins.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { validateInlineVolume } from './inline-volume.ts';

const MAX_METADATA_BYTES = 256 * 1024;
const MAX_MESSAGE_BYTES = 1024;
const ONE_SOURCE = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';

export const volumeAttachmentStrategy = defineStrategy<VolumeAttachment>(
  { group: 'storage.k8s.io', version: 'v1', plural: 'volumeattachments' },
  {
    unconditionalUpdate: false,
    initialStatus: () => ({ attached: false }),
    validate: validateAttachment,
    validateUpdate: validateChange,
    // Whoever attaches the volume writes the status and nothing else of the object.
    prepareStatus: (attachment, { metadata }) => {
      const { labels, annotations, finalizers, ownerReferences } = metadata;
      return { ...attachment, metadata: { ...attachment.metadata, labels, annotations, finalizers, ownerReferences } };
    },
    validateStatus: validateChange,
    statusFieldResets: ['metadata', 'spec'],
    columns: {
      definitions: [
        NAME,
        column('Attacher', { format: 'name', description: 'The driver that attaches the volume.' }),
        column('PV', { description: 'The volume.' }),
        column('Node', { description: 'The node that it is attached to.' }),
        column('Attached', { type: 'boolean', description: 'Whether it is attached.' }),
        AGE,
      ],
      cells: (attachment, now) => [
        attachment.metadata.name ?? '',
        attachment.spec.attacher,
        attachment.spec.source.persistentVolumeName ?? '',
        attachment.spec.nodeName,
        attachment.status.attached,
        ageCell(attachment, now),
      ],
    },
  },
);

function validateAttachment({ spec, status }: VolumeAttachment): FieldError[] {
  const { persistentVolumeName: volume } = spec.source;
  const metadata = Object.entries(status.attachmentMetadata ?? {});
  const bytes = metadata.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return [
    ...csiDriverErrors(spec.attacher, 'spec.attacher'),
    ...sourceErrors(spec.source, 'spec.source'),
    ...invalidFor('spec.nodeName', spec.nodeName, dns1123Subdomain(spec.nodeName)),
    ...(bytes > MAX_METADATA_BYTES ? [tooLong('status.attachmentMetadata', MAX_METADATA_BYTES)] : []),
    ...volumeErrorErrors(status.attachError, 'status.attachError'),
    ...volumeErrorErrors(status.detachError, 'status.detachError'),
    ...(volume === undefined ? [] : invalidFor('spec.source.persistentVolumeName', volume, dns1123Subdomain(volume))),
  ];
}

function validateChange(attachment: VolumeAttachment, old: VolumeAttachment): FieldError[] {
  const same = equalAs('storage/v1.VolumeAttachmentSpec', attachment.spec, old.spec);
  return [...validateAttachment(attachment), ...(same ? [] : [invalid('spec', attachment.spec, 'field is immutable')])];
}

function sourceErrors({ inlineVolumeSpec, persistentVolumeName }: VolumeAttachmentSource, path: string): FieldError[] {
  if (inlineVolumeSpec !== undefined)
    return persistentVolumeName === undefined
      ? validateInlineVolume(inlineVolumeSpec, `${path}.inlineVolumeSpec`)
      : [forbidden(path, ONE_SOURCE)];
  if (persistentVolumeName === undefined) return [required(path, ONE_SOURCE)];
  return persistentVolumeName === ''
    ? [required(`${path}.persistentVolumeName`, 'must specify non empty persistentVolumeName')]
    : [];
}

function volumeErrorErrors(error: VolumeError | undefined, path: string): FieldError[] {
  const { message = '', errorCode = 0 } = error ?? {};
  return [
    // The number in upstream's text is another than the limit.
    ...(Buffer.byteLength(message) > MAX_MESSAGE_BYTES ? [tooLong(`${path}.message`, MAX_METADATA_BYTES)] : []),
    ...(errorCode < 0 ? [invalid(`${path}.errorCode`, errorCode, 'must be between 0 and 2147483647, inclusive')] : []),
  ];
}
