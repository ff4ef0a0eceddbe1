import type { PodTemplate } from '../../../api/types/gen/core-v1.ts';
import { validatePodTemplate } from '../../../api/validation/pod-template.ts';
import { podSpecWarnings } from '../../../api/validation/pod-warnings.ts';
import { columns, containerCells, labelsCell, NAME } from '../cells.ts';
import { defineStrategy } from '../define.ts';
import { withoutDisabledTemplateFields } from './pod/disabled-fields.ts';

export const podTemplateStrategy = defineStrategy<PodTemplate>(
  { group: '', version: 'v1', plural: 'podtemplates' },
  {
    generation: ['template'],
    prepareForCreate: object => ({ ...object, template: withoutDisabledTemplateFields(object.template) }),
    prepareForUpdate: (object, old) => ({
      ...object,
      template: withoutDisabledTemplateFields(object.template, old.template),
    }),
    validate: object => validatePodTemplate(object.template, 'template'),
    validateUpdate: (object, old) => validatePodTemplate(object.template, 'template', old.template),
    warnings: ({ template }) => podSpecWarnings(template.spec, template.metadata, 'template'),
    warningsOnUpdate: ({ metadata, template }, old) =>
      metadata.generation === old.metadata.generation
        ? []
        : podSpecWarnings(template.spec, template.metadata, 'template'),
    columns: {
      definitions: [
        NAME,
        ...columns({
          Containers: 'The names of the containers in the template.',
          Images: 'The images of the containers in the template.',
          'Pod Labels': 'The labels that pods of this template get.',
        }),
      ],
      cells: object => [
        object.metadata.name ?? '',
        ...containerCells(object.template.spec.containers),
        labelsCell(object.template.metadata.labels),
      ],
    },
  },
);
