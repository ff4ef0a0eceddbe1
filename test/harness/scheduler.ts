import { ControlPlanePart } from './control-plane-part.ts';

/** The built scheduler against some API server; it can be killed and started again. */
export class TestScheduler extends ControlPlanePart {
  static async start(kubeconfig: string, args: readonly string[] = []): Promise<TestScheduler> {
    const scheduler = new TestScheduler('scheduler', kubeconfig, args);
    await scheduler.start();
    return scheduler;
  }
}
