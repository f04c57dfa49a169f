// SPDX-License-Identifier: MIT
import { mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { MachineryError } from '../../harness/base/errors.ts'
import { lastLines, runTool } from '../../harness/base/process.ts'
import { requireTool } from '../../harness/base/tools.ts'
import type { SourceLabel } from './labels.ts'

/**
 * The part of a kernel's source that is unpacked: patterns below the tree's top, folders with all of their
 * contents. Of drivers, sound, file systems and other architectures only Makefiles and Kconfig files.
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

/** Anywhere in the tree: make reads the Makefiles even of folders with everything off. */
const wantedAnywhere = words('*/Kconfig* */Makefile* */Kbuild')

/** In some series only: in 5.10 PCI implies PMC_ATOM, which needs clocks. */
const wantedIn: Readonly<Record<string, readonly string[]>> = {
  '5.10': words('drivers/clk/*.[ch] drivers/clk/x86 drivers/platform/x86/pmc_atom.c'),
}

/** In debug kernels only: what tells QEMU where things are in an image of the memory. */
const wantedToDebug = words('drivers/firmware/qemu_fw_cfg.c')

/** Large and unneeded, in a wanted folder. */
const unwanted = words('drivers/tty/serial/jsm/*.[ch] arch/x86/kvm/*.[ch]')

/** What is unpacked of a source: patterns below its top. */
export interface SourcePart {
  /** Folders with all of their contents, and files. */
  readonly wanted: readonly string[]
  readonly anywhere: readonly string[]
  readonly unwanted: readonly string[]
}

export function kernelPart({ series, flavour }: Pick<SourceLabel, 'series' | 'flavour'>): SourcePart {
  const own = [...(wantedIn[series] ?? []), ...(flavour === 'debug' ? wantedToDebug : [])]
  return { wanted: [...wanted, ...own], anywhere: wantedAnywhere, unwanted }
}

/** The kernel's own tests, and what makes the headers that they include. */
export const kselftestPart: SourcePart = {
  wanted: words(`
    Makefile Kbuild include scripts arch/x86 tools/testing/selftests tools/include tools/lib tools/scripts
    tools/build tools/arch/x86/include
  `),
  anywhere: [],
  unwanted: words('arch/x86/kvm/*.[ch]'),
}

/** Identifies the choice of files, for the key of a build. */
export function extraction(label: Pick<SourceLabel, 'series' | 'flavour'>): string {
  const own = kernelPart(label).wanted.slice(wanted.length)
  return JSON.stringify([wanted, wantedAnywhere, unwanted, ...(own.length > 0 ? [own] : [])])
}

/**
 * Unpacks the needed part of a `linux-source-X` package's source. The tree appears complete or not at all.
 * @param deb the package's path
 * @param tree the folder to make
 */
export async function extractSource(
  deb: string,
  series: string,
  tree: string,
  part: SourcePart,
): Promise<void> {
  const partial = `${tree}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const inner = `./usr/src/linux-source-${series}.tar.xz`
  const top = `linux-source-${series}`
  for (const tool of ['dpkg-deb', 'tar', 'xz']) requireTool(tool)
  const result = await runTool(
    'bash',
    [
      // A pipe, without the whole archive on disk: only a small part is wanted.
      ...[
        '-c',
        'set -o pipefail; deb=$1 inner=$2; shift 2; dpkg-deb --fsys-tarfile "$deb" | tar -xO "$inner" | xz -dc -T0 | tar -x "$@"',
      ],
      ...['bash', deb, inner, '-C', partial, '--strip-components=1', '--wildcards', '--no-same-owner'],
      ...part.unwanted.map(pattern => `--exclude=${top}/${pattern}`),
      // Whether a pattern's * matches slashes depends on the last such option before it.
      '--wildcards-match-slash',
      ...part.anywhere.map(pattern => `${top}/${pattern}`),
      '--no-wildcards-match-slash',
      ...part.wanted.map(pattern => `${top}/${pattern}`),
    ],
    { timeout: 600_000 },
  )
  // tar complains about each pattern without a match: not every kernel has every folder.
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
