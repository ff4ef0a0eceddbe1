/** How one spec ended. */
export interface SpecReport {
  /** Its containers' names and its own, joined by spaces, as ginkgo's focus matches them. */
  readonly name: string;
  readonly state: string;
  readonly seconds: number;
  /** First line of the failure, or why it was skipped; empty when it passed or was not asked for. */
  readonly message: string;
}

interface GinkgoReport {
  readonly SpecReports: readonly {
    readonly ContainerHierarchyTexts: readonly string[] | null;
    readonly LeafNodeType: string;
    readonly LeafNodeText: string;
    readonly State: string;
    readonly RunTime: number;
    readonly Failure?: { readonly Message?: string };
  }[];
}

/** The specs of ginkgo's JSON report, set-up nodes that failed among them. */
export function specsOf(text: string): readonly SpecReport[] {
  const suites = JSON.parse(text) as readonly GinkgoReport[];
  return suites
    .flatMap(suite => suite.SpecReports)
    .filter(spec => spec.LeafNodeType === 'It' || spec.State === 'failed')
    .map(spec => ({
      name: [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].join(' '),
      state: spec.State,
      seconds: spec.RunTime / 1e9,
      message: (spec.Failure?.Message ?? '').replace(/\s+/g, ' ').slice(0, 400),
    }));
}
