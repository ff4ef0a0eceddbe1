import type { PodTemplate } from '../../../api/types/gen/core-v1.ts';
import { validatePodTemplate } from '../../../api/validation/pod-template.ts';
import { column, containerCells, labelsCell, NAME } from '../cells.ts';
import { defineStrategy } from '../define.ts';

export const podTemplateStrategy = defineStrategy<PodTemplate>(
  { group: '', version: 'v1', plural: 'podtemplates' },
  {
    generation: ['template'],
    validate: object => validatePodTemplate(object.template, 'template'),
    columns: {
      definitions: [NAME, column('Containers'), column('Images'), column('Pod Labels')],
      cells: object => [
        object.metadata.name ?? '',
        ...containerCells(object.template.spec.containers),
        labelsCell(object.template.metadata.labels),
      ],
    },
  },
);
