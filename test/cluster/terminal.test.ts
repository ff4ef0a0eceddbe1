import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { kubectl120, suiteOf } from '../harness/kubectl.ts';
import { Terminal } from '../harness/terminal.ts';
import { waitFor } from '../harness/wait-for.ts';

const PATIENCE = '--timeout=140s';
const SHELL = '/ #';
const OLD = suiteOf(kubectl120());

describe('kubectl at a terminal', { timeout: 120_000 }, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  let terminal: Terminal;

  /** A shell in the pod by `kubectl exec -it`. */
  async function enter(pod = 'web'): Promise<void> {
    await terminal.type(`kubectl exec -it ${pod} -- sh`);
    await terminal.shows(SHELL);
  }

  beforeAll(async () => {
    await cluster.create();
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    await kubectl.ok(`run web --image=${BUSYBOX} --command -- httpd -f -p 8080 -h /etc`);
    await kubectl.ok(`wait pod/web --for=condition=Ready ${PATIENCE}`);
  });
  afterAll(() => cluster.delete());

  beforeEach(async () => {
    terminal = await Terminal.open({ KUBECONFIG: cluster.kubeconfig });
    await terminal.type(`kubectl() { ${kubectl.program} "$@"; }; clear`);
  });
  afterEach(() => terminal.close());

  it('works in a container: what is typed is done, and what it says is shown', async () => {
    await enter();
    await terminal.type('tty; echo $((6 * 7)); cat /etc/hostname');
    await terminal.shows(/\/dev\/pts\/\d+\n42\nweb\n\/ #/);
  });

  it('has the size of the terminal, at the start and when that changes', async () => {
    await enter();
    await terminal.type('stty size');
    await terminal.shows(/^24 80$/m);
    await terminal.resize(100, 30);
    await waitFor('the size to be told', async saw => {
      await terminal.type('clear; stty size');
      const screen = await terminal.screen();
      saw(screen);
      return /^30 100$/m.test(screen);
    });
  });

  it('tells a program that the size has changed', async () => {
    await enter();
    // of one group of processes, which is told as a whole
    await terminal.type(`sh -c 'trap "echo now \\$(stty size)" WINCH; echo ready; while :; do sleep 0.1; done'`);
    await terminal.shows(/^ready$/m);
    await terminal.resize(90, 20);
    await terminal.shows('now 20 90');
    await terminal.press('C-c');
  });

  it('passes Ctrl-C on to the program, whose shell goes on', async () => {
    await enter();
    await terminal.type('sleep 1000; echo ended with $?');
    await waitFor('the program', () => kubectl.ok('exec web -- pidof sleep'));
    await terminal.press('C-c');
    await terminal.shows('^C');
    await terminal.type('echo still $((40 + 2))');
    await terminal.shows('still 42');
    expect((await kubectl.run('exec web -- pidof sleep')).code).toBe(1);
  });

  it('knows jobs: in the background, stopped by Ctrl-Z, in the foreground again', async () => {
    await enter();
    await terminal.type('sleep 777 & jobs');
    await terminal.shows(/\[1\]\+? +Running +sleep 777/);
    await terminal.type('fg');
    // its group, and that of the terminal's foreground
    await waitFor('the job to be in the foreground', async saw => {
      const stat = await kubectl.ok('exec web -- sh -c', 'cut -d " " -f 5,8 /proc/$(pidof sleep)/stat');
      saw(stat);
      const [own, foreground] = stat.split(' ');
      return own === foreground;
    });
    await terminal.press('C-z');
    await terminal.shows(/\[1\]\+ +Stopped +sleep 777/);
    await terminal.type('kill %1; fg; echo over');
    await terminal.shows(/^over$/m);
    expect(await terminal.screen()).not.toContain("can't access tty");
  });

  it.each([
    ['exit 7', /command terminated with exit code 7\nhere\$ echo code \$\?\ncode 7$/m],
    ['kill -9 $$', /command terminated with exit code 137\nhere\$ echo code \$\?\ncode 137$/m],
  ])('ends with the exit code of the shell: %s', async (end, expected) => {
    await enter();
    await terminal.type(end);
    await terminal.shows(/here\$$/);
    await terminal.type('echo code $?');
    await terminal.shows(expected);
  });

  it('ends by Ctrl-D, and leaves the terminal as it was', async () => {
    await terminal.type('stty -a > before; echo kept');
    await enter();
    await terminal.press('C-d');
    await terminal.shows(/here\$$/);
    await terminal.type('clear; stty -a | cmp - before && echo the same');
    await terminal.shows(/^the same$/m);
  });

  it('shows a program of the whole screen, which draws anew for another size', async () => {
    await enter();
    await terminal.type('vi /tmp/note');
    await terminal.shows(/^~\n(~\n){20,}.*- \/tmp\/note/m);
    await terminal.press('i');
    await terminal.shows(/^I \/tmp\/note/m);
    await terminal.type('written in vi');
    await terminal.press('Escape');
    await terminal.shows(/^- \/tmp\/note/m);
    await terminal.resize(60, 12);
    await terminal.press('C-l');
    await terminal.shows(/^written in vi\n+~\n(~\n){5,9}.*\/tmp\/note/m);
    await terminal.type(':wq');
    await terminal.shows(SHELL);
    expect(await kubectl.ok('exec web -- cat /tmp/note')).toContain('written in vi');
  });

  it('pastes many lines at once, of which none is lost', async () => {
    await enter();
    await terminal.type('stty -echo; cat > /tmp/pasted');
    const lines = Array.from({ length: 200 }, (_, i) => `line ${i} of what is pasted`);
    await terminal.type(lines.join('\n'));
    await terminal.press('C-d');
    await waitFor('all lines', async saw => {
      const count = await kubectl.ok('exec web -- wc -l /tmp/pasted');
      saw(count);
      return count.startsWith('200 ');
    });
  });

  it('comes back to a shell that somebody has left', async () => {
    await terminal.type(`kubectl run shell -it --image=${BUSYBOX} --restart=Never -- sh`);
    await terminal.shows(SHELL);
    await terminal.type('kept=$((6 * 7))');
    await terminal.shows(/kept=.*\n\/ #$/);
    await terminal.close();
    terminal = await Terminal.open({ KUBECONFIG: cluster.kubeconfig }, 120, 40);
    await terminal.type(`${kubectl.program} attach -it shell`);
    await terminal.shows("If you don't see a command prompt, try pressing enter.");
    // kubectl makes a terminal larger by one for a moment when it attaches
    await terminal.type('until [ "$(stty size)" = "40 120" ]; do sleep 0.1; done; clear; echo I have $kept; stty size');
    await terminal.shows(/I have 42\n40 120/);
    await terminal.type('exit 5');
    await terminal.shows(/here\$$/);
    expect(await kubectl.ok('get pod shell -o', 'jsonpath={.status.phase}')).toBe('Failed');
  });

  it('runs a pod for as long as somebody is in it', async () => {
    await terminal.type(`kubectl run once -it --rm --image=${BUSYBOX} --restart=Never -- sh`);
    await terminal.shows(SHELL);
    await terminal.type('hostname; exit 4');
    const screen = await terminal.shows(/pod "once" deleted/);
    expect(screen).toMatch(/^once$/m);
    await terminal.type('echo code $?');
    await terminal.shows(/^code 4$/m);
    expect(await kubectl.ok('get pods --ignore-not-found once')).toBe('');
  });

  it.skipIf(OLD.skipped)(`works by kubectl 1.20 ${OLD.title}: exec, its size, Ctrl-C and exit code`, async () => {
    await terminal.type(`${OLD.path} exec -it web -- sh`);
    await terminal.shows(SHELL);
    await terminal.type('clear; tty; stty size');
    await terminal.shows(/\/dev\/pts\/\d+\n24 80/);
    await terminal.type('sleep 1001; echo ended');
    await waitFor('the program', () => kubectl.ok('exec web -- pidof sleep'));
    await terminal.press('C-c');
    await terminal.shows('^C');
    await terminal.type('exit 7');
    await terminal.shows(/command terminated with exit code 7\nhere\$$/);
  });

  it.skipIf(OLD.skipped)(`runs a pod by kubectl 1.20 ${OLD.title} for as long as somebody is in it`, async () => {
    await terminal.type(`${OLD.path} run old -it --rm --image=${BUSYBOX} --restart=Never -- sh`);
    await terminal.shows(SHELL);
    // it makes a terminal larger by one for a moment, as above
    await terminal.type('until [ "$(stty size)" = "24 80" ]; do sleep 0.1; done; clear; hostname; stty size; exit 4');
    await terminal.shows(/^old\n24 80\n.*pod "old" deleted/ms);
    await terminal.type('echo code $?');
    await terminal.shows(/^code 4$/m);
  });

  it('debugs a pod from a shell beside it', async () => {
    await terminal.type(`kubectl debug -it web --image=${BUSYBOX} --target=web --profile=general -- sh`);
    await terminal.shows(SHELL);
    await terminal.type('ps -o pid,args | grep "[h]ttpd -f"');
    await terminal.shows(/^ +1 httpd -f -p 8080/m);
    await terminal.type('exit');
    await terminal.shows(/here\$$/);
    await terminal.type(
      `clear; kubectl debug -it node/${cluster.name}-control-plane --image=${BUSYBOX} --profile=general -- sh`,
    );
    await terminal.shows(SHELL);
    await terminal.type('cat /host/etc/hostname; exit');
    await terminal.shows(new RegExp(`^${cluster.name}-control-plane$`, 'm'));
  });

  it('forwards a port until Ctrl-C', async () => {
    await terminal.type('kubectl port-forward pod/web :8080');
    const screen = await terminal.shows(/Forwarding from 127\.0\.0\.1:\d+ -> 8080/);
    const address = /127\.0\.0\.1:\d+/.exec(screen)?.[0];
    expect((await (await fetch(`http://${address}/hostname`)).text()).trim()).toBe('web');
    await terminal.shows('Handling connection for');
    await terminal.press('C-c');
    await terminal.shows(/here\$$/);
    await expect(fetch(`http://${address}/hostname`)).rejects.toThrow();
  });
});
