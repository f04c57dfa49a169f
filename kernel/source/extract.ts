import { mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { MachineryError } from '../../harness/base/errors.ts'
import { lastLines, runTool } from '../../harness/base/process.ts'
import { requireTool } from '../../harness/base/tools.ts'
import { throwIfFull } from '../debian/archive.ts'

/**
 * What is taken of a kernel's source: a tenth. Patterns below the tree's top; a folder comes with all that is in it.
 * Of drivers, sound, file systems and other architectures only what says how they would be built.
 */
const wanted = words(`
  Makefile Kbuild Kconfig init kernel mm ipc block security crypto certs usr virt io_uring lib include scripts
  arch/x86 arch/Kconfig
  fs/*.[ch] fs/proc fs/sysfs fs/kernfs fs/ramfs fs/devpts fs/notify fs/debugfs fs/tracefs fs/iomap fs/nls
  net/*.[ch] net/core net/ethernet net/802 net/sched net/netlink net/bpf net/ethtool net/unix net/packet net/ipv4
  net/ipv6 net/8021q net/xdp net/shaper
  drivers/base drivers/char/*.[ch] drivers/virtio drivers/tty/*.[ch] drivers/tty/serial drivers/tty/hvc drivers/pci
  drivers/net/*.[ch] drivers/clocksource drivers/rtc drivers/irqchip drivers/acpi/*.h drivers/firmware/*.h
  tools/objtool tools/lib tools/include tools/arch/x86 tools/build tools/scripts
`)

/** Anywhere in the tree: a Makefile is read even where nothing of its folder is switched on. */
const wantedAnywhere = words('*/Kconfig* */Makefile* */Kbuild')

/** In single series: in 5.10 every kernel with PCI has PMC_ATOM, and so clocks. */
const wantedIn: Readonly<Record<string, readonly string[]>> = {
  '5.10': words('drivers/clk/*.[ch] drivers/clk/x86 drivers/platform/x86/pmc_atom.c'),
}

/** Large, and in a wanted folder. */
const unwanted = words('drivers/tty/serial/jsm/*.[ch] arch/x86/kvm/*.[ch]')

/** What decides which files a tree has, for the key of what is built in it. */
export function extraction(series: string): string {
  const single = wantedIn[series]
  return JSON.stringify([wanted, wantedAnywhere, unwanted, ...(single ? [single] : [])])
}

/**
 * Unpacks what is needed of the source in a `linux-source-X` package. The tree appears whole, or not at all.
 * @param deb the package's path
 * @param tree the folder to be made
 */
export async function extractSource(deb: string, series: string, tree: string): Promise<void> {
  const partial = `${tree}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const inner = `./usr/src/linux-source-${series}.tar.xz`
  const top = `linux-source-${series}`
  for (const tool of ['dpkg-deb', 'tar', 'xz']) requireTool(tool)
  const result = await runTool(
    'bash',
    [
      // Nothing is written down in between: the archive is 1.5 GB, of which a tenth is wanted.
      ...[
        '-c',
        'set -o pipefail; deb=$1 inner=$2; shift 2; dpkg-deb --fsys-tarfile "$deb" | tar -xO "$inner" | xz -dc -T0 | tar -x "$@"',
      ],
      ...['bash', deb, inner, '-C', partial, '--strip-components=1', '--wildcards', '--no-same-owner'],
      ...unwanted.map(pattern => `--exclude=${top}/${pattern}`),
      // A pattern's * matches slashes or not by the last such option before it.
      '--wildcards-match-slash',
      ...wantedAnywhere.map(pattern => `${top}/${pattern}`),
      '--no-wildcards-match-slash',
      ...[...wanted, ...(wantedIn[series] ?? [])].map(pattern => `${top}/${pattern}`),
    ],
    { timeout: 600_000 },
  )
  throwIfFull(result)
  // tar ends with a complaint for each pattern that nothing matched: not every kernel has every folder.
  const complaints = result.stderr
    .split('\n')
    .filter(line => line !== '' && !/: Not found in archive$|Exiting with failure status/.test(line))
  if (complaints.length > 0)
    throw new MachineryError(`the source of Linux ${series} does not unpack from ${path.basename(deb)}`, {
      details: lastLines(complaints.join('\n'), 10),
    })
  await rename(partial, tree)
}

function words(text: string): string[] {
  return text.trim().split(/\s+/)
}
